#include <catch2/catch.hpp>

#include "tests/runtime/runner_fixture.hpp"

namespace stepd::runtime {

using engine::OutcomeKind;

TEST_CASE("A5: a call over its budget ends timed out for the counters and says which budget") {
  Fixture<> at;
  const bool of_cpu = GENERATE(false, true);
  at.caller.script("demo.busy", [](const ScriptedCaller::Call& made) {
    while (!made.stop.stop_requested()) {
    }
    return ScriptedCaller::ended(OutcomeKind::cancelled, "stopped");
  });
  const CallBudget budget = of_cpu ? CallBudget{.cpu = milliseconds(30), .time = {}}
                                   : CallBudget{.cpu = {}, .time = milliseconds(30)};
  InProcessRunner runner(at.surroundings(),
                         {.workers = 2, .quick = {}, .budgets = {{"demo.busy", budget}}});

  runner.start(boxed({call(1, "demo.busy")}));

  REQUIRE(at.sink.wait_reports(1));
  const auto heard = at.sink.heard.copy();
  CHECK(heard.overran.size() == 1);
  const auto& outcome = heard.reports[0].outcome;
  CHECK(outcome.kind == OutcomeKind::cancelled);
  CHECK(outcome.error.code == "over_budget");
  CHECK(outcome.error.message.find(of_cpu ? "cpu_max" : "time_max") != std::string::npos);
  CHECK(*outcome.used.ran >= milliseconds(30));
  const auto lines = at.counters.lines();
  CHECK(lines.at(0).count.ended[std::size_t(OutcomeKind::timed_out)] == 1);
}

TEST_CASE("a call that succeeds has succeeded though its budget was used up meanwhile") {
  Fixture<> at;
  at.caller.script("demo.busy", [](const ScriptedCaller::Call& made) {
    while (!made.stop.stop_requested()) {
    }
    return ScriptedCaller::succeeded("{}");
  });
  InProcessRunner runner(
      at.surroundings(),
      {.workers = 2, .quick = {}, .budgets = {{"demo.busy", {.time = milliseconds(5)}}}});

  runner.start(boxed({call(1, "demo.busy")}));

  REQUIRE(at.sink.wait_reports(1));
  const auto outcome = at.sink.heard.copy().reports[0].outcome;
  CHECK(outcome.kind == OutcomeKind::succeeded);
  CHECK(outcome.error == engine::Error{});
  CHECK(at.counters.lines().at(0).count.ended[std::size_t(OutcomeKind::succeeded)] == 1);
}

TEST_CASE("a call tells how long it waited and ran and what it had of a processor") {
  Fixture<> at;
  at.caller.script("demo.busy", [](const ScriptedCaller::Call&) {
    const auto end = SystemClock{}.steady() + milliseconds(20);
    while (SystemClock{}.steady() < end) {
    }
    return ScriptedCaller::succeeded("{}");
  });
  InProcessRunner runner(at.surroundings(), {.workers = 1});
  auto request = call(1, "demo.busy");
  request.ready_since = at.clock.steady() - std::chrono::seconds(3);

  runner.start(boxed({request}));

  REQUIRE(at.sink.wait_reports(1));
  const auto report = at.sink.heard.copy().reports[0];
  const engine::Usage& used = report.outcome.used;
  CHECK(*used.waited >= std::chrono::seconds(3));
  CHECK(*used.ran >= milliseconds(20));
  CHECK(*used.ran == report.took);
  REQUIRE(used.cpu);
  CHECK(*used.cpu > milliseconds(0));
  CHECK(*used.cpu <= *used.ran);
  CHECK_FALSE(used.memory_kib);
}

}  // namespace stepd::runtime
