#include "host/runtime/in_process_runner.hpp"

#include <pthread.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <latch>
#include <set>

#include "tests/runtime/runner_fixture.hpp"
#include "tests/support/manual_clock.hpp"

namespace stepd::runtime {
namespace {

using engine::OutcomeKind;
using std::chrono::milliseconds;
using tests::ScriptedCaller;

/// While it lives no thread can be made: each would want a stack larger than any address space.
class NoThreads {
 public:
  NoThreads() {
    ::pthread_getattr_default_np(&before_);
    pthread_attr_t greedy;
    ::pthread_getattr_default_np(&greedy);
    ::pthread_attr_setstacksize(&greedy, std::size_t{1} << 50U);
    ::pthread_setattr_default_np(&greedy);
    ::pthread_attr_destroy(&greedy);
  }
  ~NoThreads() {
    ::pthread_setattr_default_np(&before_);
    ::pthread_attr_destroy(&before_);
  }
  NoThreads(const NoThreads&) = delete;
  NoThreads& operator=(const NoThreads&) = delete;

 private:
  pthread_attr_t before_;
};

QuickLane::Settings never_stuck() { return {.stuck_after = engine::Duration::max()}; }

/// Waits until it is asked to stop.
engine::Outcome until_stopped(const ScriptedCaller::Call& call) {
  std::latch stopped(1);
  const std::stop_callback on_stop(call.stop, [&] { stopped.count_down(); });
  stopped.wait();
  return ScriptedCaller::ended(OutcomeKind::cancelled, "stopped");
}

TEST_CASE("every call ends with one report") {
  Fixture<> at;
  InProcessRunner runner(at.surroundings(), {.workers = 4});
  std::vector<engine::BoxedCall> requests;
  for (std::uint64_t number = 1; number <= 200; ++number) {
    requests.push_back(boxed(call(number, "demo.any", number % 3 != 0)));
  }

  runner.start(std::move(requests));

  REQUIRE(at.sink.wait_reports(200));
  runner.shut_down();
  const auto heard = at.sink.heard.copy();
  std::set<std::uint64_t> numbers;
  for (const auto& report : heard.reports) numbers.insert(report.call.number);
  CHECK(heard.reports.size() == 200);
  CHECK(numbers.size() == 200);
}

TEST_CASE("quick calls that take no time are reported together") {
  Fixture<tests::ManualClock> at;
  InProcessRunner runner(at.surroundings(), {.workers = 1, .quick = never_stuck()});
  std::vector<engine::BoxedCall> requests;
  for (std::uint64_t number = 1; number <= 64; ++number) {
    requests.push_back(boxed(call(number, "demo.any", true)));
  }

  runner.start(std::move(requests));

  REQUIRE(at.sink.wait_reports(64));
  CHECK(at.sink.heard.copy().deliveries == 1);
}

TEST_CASE("the report of a quick call waits for others no longer than a millisecond") {
  Fixture<tests::ManualClock> at;
  at.caller.script("demo.half", [&](const auto&) {
    at.clock.pass(std::chrono::microseconds(500));
    return ScriptedCaller::succeeded("{}");
  });
  InProcessRunner runner(at.surroundings(), {.workers = 1, .quick = never_stuck()});
  std::vector<engine::BoxedCall> requests;
  for (std::uint64_t number = 1; number <= 6; ++number) {
    requests.push_back(boxed(call(number, "demo.half", true)));
  }

  runner.start(std::move(requests));

  REQUIRE(at.sink.wait_reports(6));
  CHECK(at.sink.heard.copy().deliveries == 3);
}

TEST_CASE("slow calls run side by side") {
  Fixture<> at;
  std::latch together(3);
  at.caller.script("demo.meet", [&](const auto&) {
    together.arrive_and_wait();
    return ScriptedCaller::succeeded("{}");
  });
  InProcessRunner runner(at.surroundings(), {.workers = 3});

  runner.start(boxed({call(1, "demo.meet"), call(2, "demo.meet"), call(3, "demo.meet")}));

  CHECK(at.sink.wait_reports(3));
}

TEST_CASE("a stuck quick call holds the others up only until relief comes") {
  Fixture<> at;
  std::latch others_over(1);
  at.caller.script("demo.stuck", [&](const auto&) {
    others_over.wait();
    return ScriptedCaller::succeeded("{}");
  });
  InProcessRunner runner(at.surroundings(),
                         {.workers = 1, .quick = {.stuck_after = milliseconds(1)}});

  SECTION("those of its own handful") {
    runner.start(
        boxed({call(1, "demo.any", true), call(2, "demo.stuck", true), call(3, "demo.any", true),
               call(4, "demo.stuck", true), call(5, "demo.any", true)}));
    CHECK(at.sink.wait_reports(3));
    others_over.count_down();
    CHECK(at.sink.wait_reports(5));
  }
  SECTION("those that come later") {
    runner.start(boxed({call(1, "demo.stuck", true)}));
    runner.start(boxed({call(2, "demo.any", true)}));
    CHECK(at.sink.wait_reports(1));
    runner.start(boxed({call(3, "demo.any", true)}));
    CHECK(at.sink.wait_reports(2));
    others_over.count_down();
    CHECK(at.sink.wait_reports(3));
  }
  runner.shut_down();
}

TEST_CASE("a call that no thread can be made for is given back and tried again later") {
  Fixture<> at;
  InProcessRunner runner(at.surroundings(), {.workers = 2});
  const bool quick = GENERATE(false, true);

  {
    const NoThreads none;
    runner.start(boxed({call(1, "demo.any", quick), call(2, "demo.any", quick)}));
  }

  REQUIRE(at.sink.wait_reports(2));
  for (const auto& report : at.sink.heard.copy().reports) {
    CHECK(report.outcome.kind == OutcomeKind::not_started);
    CHECK(report.outcome.retry_after == std::chrono::seconds(1));
    CHECK_THAT(report.outcome.error.message, Catch::StartsWith("no thread could be made"));
  }
  runner.start(boxed({call(3, "demo.any", quick)}));
  REQUIRE(at.sink.wait_reports(3));
  CHECK(at.sink.heard.copy().reports[2].outcome.kind == OutcomeKind::succeeded);
}

TEST_CASE("a call waits for the worker there is when no thread can be made for another") {
  Fixture<> at;
  std::latch go_on(1);
  tests::Watched<int> begun;
  at.caller.script("demo.busy", [&](const auto&) {
    begun.change([](int& count) { ++count; });
    go_on.wait();
    return ScriptedCaller::succeeded("{}");
  });
  const bool quick = GENERATE(false, true);
  InProcessRunner runner(at.surroundings(),
                         {.workers = 2, .quick = {.workers = 2, .stuck_after = milliseconds(1)}});
  runner.start(boxed({call(1, "demo.busy", quick)}));
  REQUIRE(begun.wait_until([](int count) { return count == 1; }));

  const NoThreads none;
  runner.start(boxed({call(2, "demo.any", quick)}));
  go_on.count_down();

  REQUIRE(at.sink.wait_reports(2));
  for (const auto& report : at.sink.heard.copy().reports) {
    CHECK(report.outcome.kind == OutcomeKind::succeeded);
  }
}

TEST_CASE("A5: a call over its time-out is reported and asked to stop and its report still comes") {
  Fixture<> at;
  at.caller.script("demo.wait", until_stopped);
  InProcessRunner runner(at.surroundings(), {.workers = 2});
  const bool quick = GENERATE(false, true);
  auto request = call(1, "demo.wait", quick);
  request.timeout = milliseconds(1);

  runner.start(boxed({request}));

  REQUIRE(at.sink.wait_reports(1));
  const auto heard = at.sink.heard.copy();
  REQUIRE(heard.overran.size() == 1);
  CHECK(heard.overran[0].call == request.id);
  CHECK_FALSE(heard.overran[0].silent);
  CHECK(heard.reports[0].outcome.kind == OutcomeKind::cancelled);
}

TEST_CASE("A5: only a call that gives no sign of life is silent") {
  // It begins at the real time, for the watch sleeps by that.
  Fixture<tests::ManualClock> at{.clock = tests::ManualClock(SystemClock{}.now())};
  std::latch silence_began(1);
  at.caller.script("demo.silent", [&](const ScriptedCaller::Call& made) {
    silence_began.count_down();
    return until_stopped(made);
  });
  at.caller.script("demo.alive", [&](const ScriptedCaller::Call& made) {
    silence_began.wait();
    for (int beat = 0; beat < 10; ++beat) {
      at.clock.pass(milliseconds(9));
      made.ports.heartbeat();
    }
    return ScriptedCaller::succeeded("{}");
  });
  InProcessRunner runner(at.surroundings(), {.workers = 2});
  auto silent = call(1, "demo.silent");
  auto alive = call(2, "demo.alive");
  for (auto* request : {&silent, &alive}) request->heartbeat = milliseconds(10);

  runner.start(boxed({silent, alive}));

  REQUIRE(at.sink.wait_reports(2));
  const auto heard = at.sink.heard.copy();
  REQUIRE(heard.overran.size() == 1);
  CHECK(heard.overran[0].call == silent.id);
  CHECK(heard.overran[0].silent);
}

TEST_CASE("a stop reaches a call under way and no other") {
  Fixture<> at;
  tests::Watched<int> begun;
  at.caller.script("demo.wait", [&](const ScriptedCaller::Call& made) {
    begun.change([](int& count) { ++count; });
    return until_stopped(made);
  });
  InProcessRunner runner(at.surroundings(), {.workers = 2});
  runner.start(boxed({call(1, "demo.wait"), call(2, "demo.wait")}));
  REQUIRE(begun.wait_until([](int count) { return count == 2; }));

  runner.stop({.job = {7}, .number = 2}, engine::StopCause::cancel);
  REQUIRE(at.sink.wait_reports(1));
  runner.stop({.job = {7}, .number = 99}, engine::StopCause::cancel);
  runner.stop({.job = {7}, .number = 1}, engine::StopCause::cancel);
  REQUIRE(at.sink.wait_reports(2));

  const auto heard = at.sink.heard.copy();
  CHECK(heard.reports[0].call.number == 2);
  CHECK(heard.reports[1].call.number == 1);
}

TEST_CASE("a call stopped before it began is reported and never runs") {
  Fixture<> at;
  std::latch go_on(1);
  tests::Watched<int> begun;
  at.caller.script("demo.busy", [&](const auto&) {
    begun.change([](int& count) { ++count; });
    go_on.wait();
    return ScriptedCaller::succeeded("{}");
  });
  std::atomic<bool> ran{false};
  at.caller.script("demo.late", [&](const auto&) {
    ran.store(true);
    return ScriptedCaller::succeeded("{}");
  });
  InProcessRunner runner(at.surroundings(), {.workers = 1});
  runner.start(boxed({call(1, "demo.busy"), call(2, "demo.late")}));
  REQUIRE(begun.wait_until([](int count) { return count == 1; }));

  runner.stop({.job = {7}, .number = 2}, engine::StopCause::cancel);

  REQUIRE(at.sink.wait_reports(1));
  const auto heard = at.sink.heard.copy();
  CHECK(heard.reports[0].call.number == 2);
  CHECK(heard.reports[0].outcome.kind == OutcomeKind::not_started);
  go_on.count_down();
  REQUIRE(at.sink.wait_reports(2));
  runner.shut_down();
  CHECK_FALSE(ran.load());
}

TEST_CASE("a quick call stopped while it waits behind another hears of it as soon as it begins") {
  Fixture<> at;
  std::latch go_on(1);
  tests::Watched<int> begun;
  at.caller.script("demo.first", [&](const auto&) {
    begun.change([](int& count) { ++count; });
    go_on.wait();
    return ScriptedCaller::succeeded("{}");
  });
  at.caller.script("demo.wait", until_stopped);
  InProcessRunner runner(at.surroundings(), {.workers = 1, .quick = never_stuck()});
  runner.start(boxed({call(1, "demo.first", true), call(2, "demo.wait", true)}));
  REQUIRE(begun.wait_until([](int count) { return count == 1; }));

  runner.stop({.job = {7}, .number = 2}, engine::StopCause::cancel);
  go_on.count_down();

  CHECK(at.sink.wait_reports(2));
}

TEST_CASE("a runner that is shut down waits for its calls and takes on no others") {
  Fixture<> at;
  std::atomic<int> over{0};
  at.caller.script("demo.any", [&](const auto&) {
    ++over;
    return ScriptedCaller::succeeded("{}");
  });
  InProcessRunner runner(at.surroundings(), {.workers = 1});
  runner.start(boxed({call(1, "demo.any"), call(2, "demo.any"), call(3, "demo.any", true)}));

  runner.shut_down();
  runner.shut_down();
  CHECK(over.load() == 3);
  runner.start(boxed({call(4, "demo.any")}));

  const auto heard = at.sink.heard.copy();
  REQUIRE(heard.reports.size() == 4);
  CHECK(heard.reports[3].outcome.kind == OutcomeKind::not_started);
  CHECK(over.load() == 3);
}

TEST_CASE("a call asks the host through its ports") {
  Fixture<> at;
  struct Seen {
    std::vector<engine::StepBlob> blobs;
    std::optional<engine::BlobStatus> saved;
  };
  tests::Watched<Seen> seen;
  at.caller.script("demo.look", [&](const ScriptedCaller::Call& made) {
    made.ports.progress(500, "half");
    auto blobs = made.ports.blobs();
    const auto saved = made.ports.save(engine::StepBlob::Kind::memo, "k", "v");
    seen.change([&](Seen& all) { all = {.blobs = std::move(blobs), .saved = saved}; });
    return ScriptedCaller::succeeded("{}");
  });
  InProcessRunner runner(at.surroundings(), {.workers = 1});

  runner.start(boxed({call(1, "demo.look")}));

  REQUIRE(at.sink.wait_reports(1));
  CHECK(seen.copy().saved == engine::BlobStatus::stored);
  REQUIRE(seen.copy().blobs.size() == 1);
  CHECK(seen.copy().blobs[0].bytes == "v");
  CHECK(at.sink.heard.copy().notes == std::vector<std::string>{"s 500 half"});
}

TEST_CASE("A6 J5: a call of an undo finds what execute left in the job that ran it") {
  Fixture<> at;
  tests::Watched<std::vector<engine::StepBlob>> seen;
  at.caller.script("demo.look", [&](const ScriptedCaller::Call& made) {
    seen.change([&](auto& all) { all = made.ports.blobs(); });
    return ScriptedCaller::succeeded("{}");
  });
  InProcessRunner runner(at.surroundings(), {.workers = 1});
  engine::CallRequest undo = call(1, "demo.look");
  undo.phase = engine::Phase::compensate;
  undo.executed_in = engine::JobId{3};

  runner.start(boxed({undo}));

  REQUIRE(at.sink.wait_reports(1));
  const auto blobs = seen.copy();
  REQUIRE(blobs.size() == 2);
  CHECK(blobs[0].bytes == "v");
  CHECK(blobs[1].bytes == "execute of 3");
}

}  // namespace
}  // namespace stepd::runtime
