#include <catch2/catch.hpp>

#include "host/engine/why.hpp"
#include "tests/support/course.hpp"

using namespace stepd::testing;

namespace {

using Way = std::function<void(Course&)>;

struct Line {
  std::string name;
  Way way;  // to the state
  Way event;
  std::string then;
};

Verb verb(Verb::Kind kind, std::string step = "a") {
  return {.kind = kind, .step = std::move(step), .reason = "because", .output = JsonText("{}")};
}
Verb resolve(Verb::Truth truth) {
  Verb asked = verb(Verb::Kind::resolve);
  asked.truth = truth;
  return asked;
}

void check(const std::vector<StepSketch>& sketches, const std::vector<Line>& table) {
  for (const Line& line : table) {
    Course course(sketches);
    line.way(course);
    line.event(course);
    INFO(line.name);
    CHECK(course.step("a") == line.then);
    CHECK(course.recovered() == course.job);
  }
}

// Ways to each state of step a.
const Way ready = [](Course&) {};
const Way running = [](Course& c) { c.call("a"); };
const Way retrying = [](Course& c) { c.run("a", ends(OutcomeKind::retry)); };
const Way suspended = [](Course& c) { c.run("a", sleeps(5s)); };
const Way parked = [](Course& c) { c.run("a", ends(OutcomeKind::bad_answer)); };
const Way timed_out = [](Course& c) { c.call("a").overrun("a"); };
const Way abandoning = [](Course& c) { c.call("a").verb(verb(Verb::Kind::abandon)); };
const Way cancelling = [](Course& c) { c.call("a").verb({.kind = Verb::Kind::cancel}); };
const Way turning = [](Course& c) { c.call("a").deadline(); };
const Way shutting = [](Course& c) { c.call("a").take(HostEnding{}); };

Way report(OutcomeKind kind) {
  return [kind](Course& c) {
    c.end("a", kind == OutcomeKind::succeeded   ? ok()
               : kind == OutcomeKind::suspended ? sleeps(5s)
                                                : ends(kind));
  };
}
Way operate(Verb asked) {
  return [asked](Course& c) { c.verb(asked); };
}
const Way time_comes = [](Course& c) { c.wake("a"); };

}  // namespace

TEST_CASE("A2 A3 A4: a running step ends as its report says", "[engine]") {
  check({plain("a"), plain("b")},
        {{"ok", running, report(OutcomeKind::succeeded), "succeeded, done, 1"},
         {"retry", running, report(OutcomeKind::retry), "retrying, possible, 1"},
         {"unknown", running, report(OutcomeKind::effect_unknown), "retrying, possible, 1"},
         {"crash", running, report(OutcomeKind::crashed), "retrying, possible, 1"},
         {"lost", running, report(OutcomeKind::lost), "retrying, possible, 1"},
         {"timed out", running, report(OutcomeKind::timed_out), "retrying, possible, 1"},
         {"cancelled", running, report(OutcomeKind::cancelled), "retrying, possible, 1"},
         {"not started", running, report(OutcomeKind::not_started), "retrying, none, 0"},
         {"interrupted", running, report(OutcomeKind::interrupted), "retrying, possible, 0"},
         {"refused", running, report(OutcomeKind::refused), "abandoned, none, 1"},
         {"failed", running, report(OutcomeKind::failed), "abandoned, possible, 1"},
         {"suspended", running, report(OutcomeKind::suspended), "suspended, possible, 0"},
         {"bad answer", running, report(OutcomeKind::bad_answer), "parked, possible, 1"},
         {"no effect", running, report(OutcomeKind::no_effect), "parked, possible, 1"}});
}

TEST_CASE("A5 A8: a step asked to stop ends by the cause of it", "[engine]") {
  check(
      {plain("a"), plain("b")},
      {{"time-out, ok", timed_out, report(OutcomeKind::succeeded), "succeeded, done, 1"},
       {"time-out, cancelled", timed_out, report(OutcomeKind::cancelled), "retrying, possible, 1"},
       {"time-out, refused", timed_out, report(OutcomeKind::refused), "abandoned, none, 1"},
       {"time-out, failed", timed_out, report(OutcomeKind::failed), "abandoned, possible, 1"},
       {"time-out, lost", timed_out, report(OutcomeKind::lost), "retrying, possible, 1"},
       {"time-out, interrupted", timed_out, report(OutcomeKind::interrupted),
        "retrying, possible, 1"},
       {"abandon, ok", abandoning, report(OutcomeKind::succeeded), "succeeded, done, 1"},
       {"abandon, cancelled", abandoning, report(OutcomeKind::cancelled), "abandoned, possible, 1"},
       {"abandon, refused", abandoning, report(OutcomeKind::refused), "abandoned, none, 1"},
       {"cancel, ok", cancelling, report(OutcomeKind::succeeded), "succeeded, done, 1"},
       {"cancel, retry", cancelling, report(OutcomeKind::retry), "abandoned, possible, 1"},
       {"turn, ok", turning, report(OutcomeKind::succeeded), "succeeded, done, 1"},
       {"turn, retry", turning, report(OutcomeKind::retry), "abandoned, possible, 1"},
       {"abandon, not started", abandoning, report(OutcomeKind::not_started), "abandoned, none, 0"},
       {"cancel, not started", cancelling, report(OutcomeKind::not_started), "abandoned, none, 0"},
       {"turn, not started", turning, report(OutcomeKind::not_started), "abandoned, none, 0"},
       {"shutdown, not started", shutting, report(OutcomeKind::not_started), "ready, none, 0"},
       {"shutdown, ok", shutting, report(OutcomeKind::succeeded), "succeeded, done, 1"},
       {"shutdown, cancelled", shutting, report(OutcomeKind::cancelled), "ready, possible, 0"}});
}

TEST_CASE("O1 O3: a verb changes a step only where its state allows it", "[engine]") {
  const Way lost_interest = [](Course&) {};
  check(
      {plain("a"), plain("b")},
      {{"ready, skip", ready, operate(verb(Verb::Kind::skip)), "skipped, none, 0"},
       {"ready, abandon", ready, operate(verb(Verb::Kind::abandon)), "abandoned, none, 0"},
       {"ready, cancel", ready, operate(verb(Verb::Kind::cancel)), "never, none, 0"},
       {"ready, retry", ready, operate(verb(Verb::Kind::retry)), "ready, none, 0"},
       {"running, skip", running, operate(verb(Verb::Kind::skip)), "running, none, 0"},
       {"running, retry", running, operate(verb(Verb::Kind::retry)), "running, none, 0"},
       {"running, abandon", running, operate(verb(Verb::Kind::abandon)), "stopping, none, 0"},
       {"running, cancel", running, operate(verb(Verb::Kind::cancel)), "stopping, none, 0"},
       {"running, time-out", running, [](Course& c) { c.overrun("a"); }, "stopping, none, 0"},
       {"retrying, due", retrying, time_comes, "ready, possible, 1"},
       {"retrying, retry", retrying, operate(verb(Verb::Kind::retry)), "ready, possible, 0"},
       {"retrying, skip", retrying, operate(verb(Verb::Kind::skip)), "skipped, possible, 1"},
       {"retrying, abandon", retrying, operate(verb(Verb::Kind::abandon)),
        "abandoned, possible, 1"},
       {"retrying, cancel", retrying, operate(verb(Verb::Kind::cancel)), "abandoned, possible, 1"},
       {"suspended, due", suspended, time_comes, "ready, possible, 0"},
       {"suspended, retry", suspended, operate(verb(Verb::Kind::retry)), "ready, possible, 0"},
       {"suspended, cancel", suspended, operate(verb(Verb::Kind::cancel)),
        "abandoned, possible, 0"},
       {"parked, due", parked, time_comes, "parked, possible, 1"},
       {"parked, retry", parked, operate(verb(Verb::Kind::retry)), "ready, possible, 0"},
       {"parked, done", parked, operate(resolve(Verb::Truth::done)), "succeeded, done, 1"},
       {"parked, none", parked, operate(resolve(Verb::Truth::none)), "abandoned, none, 1"},
       {"parked, undone", parked, operate(resolve(Verb::Truth::undone)), "parked, possible, 1"},
       {"parked, abandon", parked, operate(verb(Verb::Kind::abandon)), "abandoned, possible, 1"},
       {"retrying, resolve", retrying, operate(resolve(Verb::Truth::done)),
        "retrying, possible, 1"},
       {"ready, nothing", ready, lost_interest, "ready, none, 0"}});
}

TEST_CASE("A1: a late or repeated report changes nothing", "[engine]") {
  Course course({saga("a"), plain("b")});
  course.run("a", ends(OutcomeKind::retry)).wake("a").call("a");

  course.end_call(1, ok());
  CHECK(course.answer() == "ignored");
  CHECK(course.step("a") == "running, possible, 1");

  course.end("a", ok());
  course.end_call(2, ends(OutcomeKind::failed));
  CHECK(course.answer() == "ignored");
  CHECK(course.step("a") == "succeeded, done, 2");
}

TEST_CASE("A4: a saga step is abandoned when its attempts are used up", "[engine]") {
  Course course({saga("a", 2), plain("b")});
  course.run("a", ends(OutcomeKind::retry)).wake("a").run("a", ends(OutcomeKind::retry));

  CHECK(course.step("a") == "ready (compensate), possible, 0");
  CHECK(course.job.cause->step == 0);
  CHECK(course.step("b") == "never, none, 0");
}

TEST_CASE("A4: the attempts a step has made are the same after recovery", "[engine]") {
  Course course({saga("a", 3), plain("b")});
  course.run("a", ends(OutcomeKind::retry)).wake("a").call("a").lose_host();

  CHECK(course.step("a") == "retrying, possible, 2");
  CHECK(course.recovered().steps[0].attempts == 2);
}

TEST_CASE("C1: a refusal after an earlier time-out leaves the effect possible", "[engine]") {
  Course course({saga("a", 3), plain("b")});
  course.call("a").overrun("a").end("a", ends(OutcomeKind::cancelled)).wake("a");
  course.run("a", ends(OutcomeKind::refused));

  CHECK(course.step("a") == "ready (compensate), possible, 0");
  course.run("a");
  CHECK(course.settled() == "compensated");
}

TEST_CASE("C1 C6: a first call that refuses leaves nothing to undo", "[engine]") {
  Course course({saga("a"), plain("b")});
  course.run("a", ends(OutcomeKind::refused));
  CHECK(course.settled() == "failed");
}

TEST_CASE("C2: compensations run in exact reverse order", "[engine]") {
  Course course({saga("a"), saga("b"), saga("c"), plain("d")});
  course.run("a").run("b").run("c").run("d", ends(OutcomeKind::refused));

  CHECK(course.step("c") == "ready (compensate), done, 0");
  CHECK(course.step("b") == "succeeded, done, 1");
  course.run("c");
  CHECK(course.step("b") == "ready (compensate), done, 0");
  CHECK(course.step("a") == "succeeded, done, 1");
  course.run("b");
  course.run("a");
  CHECK(course.step("a") == "compensated (compensate), done, 1");
  CHECK(course.settled() == "compensated");
}

TEST_CASE("C2: in a graph a step is compensated only after all that follow it", "[engine]") {
  // a before b and c, both before d
  StepSketch b = saga("b");
  StepSketch c = saga("c");
  StepSketch d = plain("d");
  b.after = {{0}};
  c.after = {{0}};
  d.after = {{1, 2}};
  Course course({saga("a"), b, c, d});
  course.run("a").run("b").run("c").run("d", ends(OutcomeKind::failed));

  CHECK(course.step("b") == "ready (compensate), done, 0");
  CHECK(course.step("c") == "ready (compensate), done, 0");
  course.run("b");
  CHECK(course.step("a") == "succeeded, done, 1");
  course.run("c");
  CHECK(course.step("a") == "ready (compensate), done, 0");
}

TEST_CASE("C3: a success reported on the way back is recorded and then undone", "[engine]") {
  Course course({saga("a"), plain("b")});
  course.call("a").verb({.kind = Verb::Kind::cancel});
  CHECK(course.step("a") == "stopping, none, 0");

  course.end("a", ok(R"({"n":1})"));
  CHECK(course.step("a") == "ready (compensate), done, 0");
  CHECK(course.state("a").output.view() == R"({"n":1})");
  course.run("a");
  CHECK(course.settled() == "cancelled");
}

TEST_CASE("A8: the way back waits for a call that has not returned", "[engine]") {
  StepSketch b = plain("b");
  b.after = std::vector<StepIndex>{};
  Course course({saga("a"), b});
  course.run("a").call("b").verb({.kind = Verb::Kind::cancel});

  CHECK(course.step("a") == "ready (compensate), done, 0");
  course.run("a");
  CHECK(course.settled() == "no");
  course.end("b", ends(OutcomeKind::cancelled));
  CHECK(course.settled() == "cancelled");
}

TEST_CASE("C5: a compensation is retried without end and flagged after ten attempts", "[engine]") {
  Course course({saga("a"), plain("b")});
  course.run("a").run("b", ends(OutcomeKind::refused));
  for (int attempt = 1; attempt <= 9; ++attempt) {
    course.run("a", ends(OutcomeKind::retry)).wake("a");
  }
  CHECK_FALSE(course.state("a").attention);
  course.run("a", ends(OutcomeKind::retry));
  CHECK(course.state("a").attention);
  CHECK(course.step("a") == "retrying (compensate), done, 10");
}

TEST_CASE("C5: a compensation that is given up parks and an operator decides", "[engine]") {
  const auto parked_compensation = [] {
    Course course({saga("a"), plain("b")});
    course.run("a").run("b", ends(OutcomeKind::refused)).run("a", ends(OutcomeKind::failed));
    REQUIRE(course.step("a") == "parked (compensate), done, 1");
    return course;
  };
  SECTION("undone") {
    Course course = parked_compensation();
    course.verb(resolve(Verb::Truth::undone));
    CHECK(course.settled() == "compensated");
  }
  SECTION("left") {
    Course course = parked_compensation();
    course.verb(verb(Verb::Kind::skip));
    CHECK(course.step("a") == "left (compensate), done, 1");
    CHECK(course.settled() == "failed");
  }
  SECTION("retried") {
    Course course = parked_compensation();
    course.verb(verb(Verb::Kind::retry));
    CHECK(course.step("a") == "ready (compensate), done, 0");
  }
}

TEST_CASE("A7: three crashes in a row on one build park the step until another comes", "[engine]") {
  Course course({plain("a")});
  for (int crash = 1; crash <= 2; ++crash) {
    course.run("a", ends(OutcomeKind::crashed)).wake("a");
  }
  course.run("a", ends(OutcomeKind::crashed));
  CHECK(course.step("a") == "parked, possible, 3");

  course.catalogue.types.at("type.a").module = {2};
  course.take(TimePassed{});
  CHECK(course.step("a") == "parked, possible, 3");
  course.verb({.kind = Verb::Kind::pause});
  CHECK(course.step("a") == "ready, possible, 3");
}

TEST_CASE("W1: a step that suspends again at once waits a second", "[engine]") {
  Course course({plain("a")});
  course.run("a", sleeps(0s)).wake("a");
  course.run("a", sleeps(0s));
  CHECK(std::get<Suspended>(course.state("a").condition).wait.due->at == noon + 1s);
}

TEST_CASE("J5: a settled job ignores every event and refuses every verb", "[engine]") {
  Course course({plain("a")});
  course.run("a");
  REQUIRE(course.settled() == "succeeded");
  const JobState before = course.job;

  course.end_call(1, ok());
  course.take(TimePassed{{0}, true});
  course.take(HostEnding{});
  course.take(HostGone{});
  for (const Verb::Kind kind : {Verb::Kind::cancel, Verb::Kind::retry, Verb::Kind::abandon,
                                Verb::Kind::skip, Verb::Kind::resolve, Verb::Kind::pause}) {
    course.verb(verb(kind));
    CHECK(course.answer().find("has settled (succeeded)") != std::string::npos);
  }
  CHECK(course.job == before);
}

TEST_CASE("O1: a verb sent twice under one request id has the effect of one", "[engine]") {
  Course course({plain("a"), plain("b")});
  course.run("a", ends(OutcomeKind::bad_answer));
  Verb retry = verb(Verb::Kind::retry);
  retry.request_id = "r1";
  course.verb(retry).run("a", ends(OutcomeKind::bad_answer));

  course.verb(retry);
  CHECK(course.answer() == "ignored");
  CHECK(course.step("a") == "parked, possible, 1");

  Verb skip = verb(Verb::Kind::skip);
  skip.request_id = "r1";
  course.verb(skip);
  CHECK(course.answer() ==
        R"(the request id "r1" was used for retry of step "a" before: give each request its own)");
}

TEST_CASE("J8: a step of an unknown type takes its snapshot when the type arrives", "[engine]") {
  StepSketch b = saga("b", 3);
  b.known = false;
  Course course({plain("a"), b});
  const Catalogue complete = course.catalogue;
  course.catalogue.types.erase("type.b");
  course.run("a");
  CHECK(course.step("b") == "ready, none, 0");
  CHECK(obstacle(course.job, 1, course.catalogue) == Obstacle::type_missing);

  course.catalogue = complete;
  course.verb({.kind = Verb::Kind::pause}).verb({.kind = Verb::Kind::resume});
  CHECK(obstacle(course.job, 1, course.catalogue) == Obstacle::none);
  CHECK(snapshot(course.job, 1)->retry.attempts_max == 3);
}

TEST_CASE("A9: a step in doubt is asked before it is called again", "[engine]") {
  StepSketch a = saga("a", 3);
  a.probe = true;
  Course course({a, plain("b")});
  course.run("a", ends(OutcomeKind::effect_unknown)).wake("a");
  REQUIRE(course.step("a") == "ready (probe), possible, 0");

  SECTION("it took effect") {
    course.run("a", ok(R"({"n":1})"));
    CHECK(course.step("a") == "succeeded, done, 1");
  }
  SECTION("it took none") {
    course.run("a", ends(OutcomeKind::no_effect));
    CHECK(course.step("a") == "ready, none, 1");
  }
  SECTION("it cannot be told") {
    course.run("a", ends(OutcomeKind::effect_unknown)).wake("a");
    course.run("a", ends(OutcomeKind::effect_unknown)).wake("a");
    course.run("a", ends(OutcomeKind::effect_unknown));
    CHECK(course.step("a") == "parked (probe), possible, 3");
  }
}

TEST_CASE("C4: past the pivot a job only goes forward", "[engine]") {
  StepSketch pivot = plain("p");
  pivot.pivot = true;
  Course course({saga("a"), pivot, plain("b")});
  course.run("a").run("p");

  course.verb({.kind = Verb::Kind::cancel});
  CHECK(course.answer().find("point of no return") != std::string::npos);
  course.verb({.kind = Verb::Kind::remove});
  CHECK(course.answer().find("; wait until it has (see") != std::string::npos);
  course.deadline();
  CHECK_FALSE(course.job.backward);
  course.run("b", ends(OutcomeKind::refused));
  CHECK(course.step("b") == "parked, none, 1");
  CHECK(why(course.job, course.catalogue).front().message.ends_with("job retry, skip or resolve"));
}

TEST_CASE("C4: a cancel while the pivot runs is decided by its outcome", "[engine]") {
  StepSketch pivot = saga("p", 3);
  pivot.pivot = true;
  Course course({saga("a"), pivot, plain("b")});
  course.run("a").call("p").verb({.kind = Verb::Kind::cancel});
  CHECK(course.step("p") == "running, none, 0");

  SECTION("it succeeds: the cancel came too late") {
    course.end("p", ok());
    CHECK(course.job.past_pivot);
    CHECK(course.step("b") == "ready, none, 0");
  }
  SECTION("it refuses: the job turns back") {
    course.end("p", ends(OutcomeKind::refused));
    CHECK(course.job.backward);
    CHECK(course.step("a") == "ready (compensate), done, 0");
    course.run("a");
    CHECK(course.settled() == "cancelled");
  }
}

TEST_CASE("O1: a step that a later one reads whole is not skipped without an output", "[engine]") {
  StepSketch b = plain("b");
  b.args = R"({"all":{"$ref":"/steps/a"}})";
  Course course({plain("a"), b});
  Verb skip = verb(Verb::Kind::skip);
  skip.output = {};
  course.verb(skip);
  CHECK(course.answer().find("needs an output") != std::string::npos);
  CHECK(course.step("a") == "ready, none, 0");
}

TEST_CASE("C5: a compensation whose arguments cannot be resolved parks", "[engine]") {
  StepSketch b = saga("b");
  b.args = R"({"n":{"$ref":"/steps/a/output/n"}})";
  Course course({plain("a"), b, plain("c")});
  course.run("a", ok(R"({"m":1})")).take(RecordRefused{});
  REQUIRE(course.step("b") == "parked, none, 0");
  Verb done = resolve(Verb::Truth::done);
  done.step = "b";
  course.verb(done);
  course.run("c", ends(OutcomeKind::refused));
  REQUIRE(course.step("b") == "ready (compensate), done, 0");
  course.call("b");
  CHECK(course.step("b") == "parked (compensate), done, 0");
  CHECK(course.settled() == "no");
}

TEST_CASE("C5: a compensation that parks with its tenth attempt is flagged", "[engine]") {
  StepSketch a = saga("a");
  a.compensate_attempts_max = 10;
  Course course({a, plain("b")});
  course.run("a").run("b", ends(OutcomeKind::refused));
  for (int attempt = 1; attempt < 10; ++attempt) {
    course.run("a", ends(OutcomeKind::retry)).wake("a");
  }
  course.run("a", ends(OutcomeKind::retry));
  CHECK(course.step("a") == "parked (compensate), done, 10");
  CHECK(course.state("a").attention);
}

TEST_CASE("A4: what a step asks for is a lower bound of the backoff", "[engine]") {
  for (const auto& [asked, waits] : {std::pair{60s, 60s}, {0s, 1s}}) {
    Course course({plain("a")});
    Outcome outcome = ends(OutcomeKind::retry);
    outcome.retry_after = asked;
    course.run("a", outcome);
    CHECK(std::get<Retrying>(course.state("a").condition).due.at == noon + waits);
  }
}

TEST_CASE("a journal that names a step the job does not have cannot be read", "[engine]") {
  Course course({plain("a")});
  const std::vector<Entries> rows{{TurnedBack{{Cause::Kind::step_abandoned, 7, {}}}},
                                  {CancelNoted{{Cause::Kind::step_abandoned, 7, {}}}},
                                  {OperatorActed{"skip", "", "", "", StepIndex{7}}},
                                  {AttentionRaised{7}}};
  for (const Entries& entries : rows) {
    LoadedJob loaded{.id = {1}, .definition = encode(*course.job.definition)};
    loaded.rows.push_back({1, noon, encode(entries)});
    CHECK_THROWS_AS(fold(loaded), UnreadableRecord);
  }
}
