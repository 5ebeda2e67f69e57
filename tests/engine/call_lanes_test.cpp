#include "host/engine/call_lanes.hpp"

#include <catch2/catch.hpp>

#include "host/engine/record.hpp"

using namespace stepd::engine;
using namespace std::chrono_literals;

namespace {

CallLanes lanes() {
  return CallLanes({.calls_max = 2, .quick_calls_max = 3, .quick_below = 100us});
}

}  // namespace

TEST_CASE("a type is quick once it is measured so and not before", "[engine]") {
  CallLanes measured = lanes();
  CHECK_FALSE(measured.is_quick("t"));
  measured.measured("t", 5us);
  CHECK(measured.is_quick("t"));
  CHECK_FALSE(measured.is_quick("u"));
}

TEST_CASE("one slow call leaves a quick type quick and several do not", "[engine]") {
  CallLanes measured = lanes();
  measured.measured("t", 5us);
  measured.measured("t", 2s);
  CHECK(measured.is_quick("t"));
  measured.measured("t", 2s);
  measured.measured("t", 2s);
  CHECK_FALSE(measured.is_quick("t"));
}

TEST_CASE("a type that becomes quick is seen to be after some calls however slow it was",
          "[engine]") {
  CallLanes measured = lanes();
  measured.measured("t", 1h);
  CHECK_FALSE(measured.is_quick("t"));
  for (int call = 0; call < 16; ++call) measured.measured("t", 5us);
  CHECK(measured.is_quick("t"));
}

TEST_CASE("each lane gives no more slots than it has", "[engine]") {
  CallLanes lane = lanes();
  for (StepIndex step = 0; step < 5; ++step) {
    lane.wait(false, {{1}, step}, {});
    lane.wait(true, {{2}, step}, {});
  }
  std::size_t slow = 0;
  std::size_t quick = 0;
  while (const auto next = lane.next()) {
    const bool is_quick = next->job.value == 2;
    ++(is_quick ? quick : slow);
    lane.take(is_quick);
  }
  CHECK(slow == 2);
  CHECK(quick == 3);
  lane.give_back(false);
  CHECK(lane.next()->step == 2);
}

TEST_CASE("of waiting steps compensations go first and then the earliest turn", "[engine]") {
  CallLanes lane = lanes();
  const TimePoint noon{12h};
  lane.wait(false, {{1}, 0}, {.at = turn_of(noon, 0)});
  lane.wait(false, {{2}, 0}, {.at = turn_of(noon + 5s, 1)});
  lane.wait(false, {{3}, 0}, {.at = turn_of(noon + 15s, 1)});
  lane.wait(false, {{4}, 0}, {.first = true, .at = turn_of(noon + 1h, -100)});
  lane.wait(false, {{5}, 0}, {.at = turn_of(noon, 0)});

  std::vector<std::int64_t> order;
  while (const auto next = lane.next()) order.push_back(next->job.value);

  CHECK(order == std::vector<std::int64_t>{4, 2, 1, 5, 3});
}

TEST_CASE("the steps of a job that is taken back wait no longer", "[engine]") {
  CallLanes lane = lanes();
  lane.wait(false, {{1}, 0}, {});
  lane.wait(true, {{1}, 1}, {});
  lane.wait(false, {{2}, 0}, {});

  lane.take_back({1});

  CHECK(lane.next()->job.value == 2);
  CHECK_FALSE(lane.next());
}
