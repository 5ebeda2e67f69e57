#include "host/runtime/call_budget.hpp"

#include <catch2/catch.hpp>

#include "host/runtime/call_slot.hpp"

using namespace stepd;
using namespace stepd::runtime;
using namespace std::chrono_literals;

namespace {

constexpr engine::SteadyPoint start{1h};

engine::CallRequest request() {
  engine::CallRequest made;
  made.id = {.job = {7}, .number = 1};
  made.type = "demo.work";
  return made;
}

}  // namespace

TEST_CASE("A5: a call over its budget of time has overrun and says what it was allowed") {
  CallSlot slot;
  const CallBudget budget{.cpu = {}, .time = 2s};
  const auto stop = slot.begin(request(), start, std::nullopt, &budget);

  CHECK(slot.look(start + 1s).next == start + 2s);
  const auto look = slot.look(start + 2s);

  REQUIRE(look.overran);
  CHECK_FALSE(look.overran->silent);
  const auto seen = slot.end();
  CHECK(seen.overran);
  REQUIRE(seen.over_budget);
  CHECK(seen.over_budget->code == "over_budget");
  CHECK(seen.over_budget->message ==
        "the call took 2000 ms, and time_max of its step type in the configuration of stepd is "
        "2000 ms");
  CHECK(seen.over_budget->details.view() ==
        R"({"budget":"time_max","allowed_ms":2000,"used_ms":2000})");
}

TEST_CASE("A5: a budget of processor time is looked at when it could be used up and not before") {
  CallSlot slot;
  const CallBudget budget{.cpu = 1s, .time = {}};
  const auto stop = slot.begin(request(), start, std::nullopt, &budget);
  engine::Duration used{};
  int asked = 0;
  const auto clock = [&]() -> std::optional<engine::Duration> {
    ++asked;
    return used;
  };
  CHECK(slot.measure(clock, start) == start + 1s);

  CHECK(slot.look(start + 900ms).next == start + 1s);
  CHECK(asked == 0);
  used = 400ms;
  CHECK(slot.look(start + 1s).next == start + 1600ms);
  used = 999ms;
  CHECK(slot.look(start + 1600ms).next == start + 1610ms);
  used = 1004ms;
  const auto look = slot.look(start + 1610ms);

  CHECK(asked == 3);
  REQUIRE(look.overran);
  CHECK_FALSE(slot.look(start + 2s).overran);
  const auto seen = slot.end();
  CHECK(seen.cpu == engine::Duration(1004ms));
  CHECK(seen.over_budget->details.view() ==
        R"({"budget":"cpu_max","allowed_ms":1000,"used_ms":1004})");
}

TEST_CASE("a call whose processor time nobody knows is not over its budget") {
  CallSlot slot;
  const CallBudget budget{.cpu = 10ms, .time = {}};
  const auto stop = slot.begin(request(), start, std::nullopt, &budget);
  static_cast<void>(slot.measure([] { return std::nullopt; }, start));

  CHECK_FALSE(slot.look(start + 5s).overran);

  CHECK_FALSE(slot.end().over_budget);
}

TEST_CASE("the budget of one call is not the next one's") {
  CallSlot slot;
  const CallBudget budget{.cpu = {}, .time = 1s};
  const auto first = slot.begin(request(), start, std::nullopt, &budget);
  CHECK(slot.look(start + 1s).overran);
  CHECK(slot.end().overran);

  const auto next = slot.begin(request(), start + 2s, std::nullopt, nullptr);
  CHECK_FALSE(slot.look(start + 1h).overran);
  CHECK_FALSE(slot.end().overran);
}
