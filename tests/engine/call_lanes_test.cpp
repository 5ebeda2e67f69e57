#include "host/engine/call_lanes.hpp"

#include <catch2/catch.hpp>

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
    lane.wait(false, {{1}, step}, false);
    lane.wait(true, {{2}, step}, false);
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
