#include <catch2/catch.hpp>

#include "tests/support/course.hpp"

using namespace stepd::testing;

namespace {

Outcome starting(Outcome outcome, std::uint32_t jobs) {
  for (std::uint32_t job = 0; job < jobs; ++job) {
    outcome.spawns.push_back({"job-" + std::to_string(job), job_of({plain("x")})});
  }
  return outcome;
}
Outcome waits_for_children(ChildWait wait = {}) {
  return {.kind = OutcomeKind::suspended, .wait = Wait{.children = wait}};
}
Outcome waits_for_another(std::uint32_t seen) {
  return waits_for_children({ChildWait::Until::another_settled, seen});
}

ChildrenCame came(const Course& course, std::uint32_t settled, std::uint32_t spawned) {
  return {{.step = 0, .spawned = spawned, .settled = settled, .as_of_row = course.job.rows}};
}

Outcome undoing(Outcome outcome) {
  outcome.spawns.push_back(
      {.key = name_of_undo("job-0"), .undo = std::make_shared<const DerivedJob>()});
  return outcome;
}

/// Two saga steps, of which b has started a job that succeeded, on their way back.
Course turned_back() {
  Course course({saga("a"), saga("b"), plain("c")});
  course.run("a").run("b", starting(ok(), 1));
  course.take(ChildrenCame{{.step = 1, .spawned = 1, .settled = 1, .as_of_row = course.job.rows}});
  return course.run("c", ends(OutcomeKind::refused));
}

ChildrenCame undone(const Course& course) {
  return {{.step = 1, .spawned = 2, .settled = 2, .as_of_row = course.job.rows}};
}

}  // namespace

TEST_CASE("W3: a compensation starts undos and goes on once they have settled", "[engine]") {
  Course course = turned_back();
  REQUIRE(course.step("b") == "ready (compensate), done, 0");

  course.run("b", undoing(waits_for_children()));
  CHECK(course.step("b") == "suspended (compensate), done, 0");
  CHECK(course.state("b").children.open);
  course.take(undone(course)).run("b");

  CHECK(course.step("a") == "ready (compensate), done, 0");
  CHECK(course.recovered() == course.job);
  course.run("a");
  CHECK(course.settled() == "compensated");
}

TEST_CASE("W3: a step whose compensation did not wait is back once its undos have settled",
          "[engine]") {
  Course course = turned_back();

  course.run("b", undoing(ok()));

  CHECK(course.step("b") == "compensated (compensate), done, 1");
  CHECK(course.step("a") == "succeeded, done, 1");
  course.take(undone(course));
  CHECK(course.step("a") == "ready (compensate), done, 0");
}

TEST_CASE("W3: a compensation that fails has started no undos", "[engine]") {
  Course course = turned_back();

  course.run("b", undoing(ends(OutcomeKind::retry)));

  CHECK_FALSE(course.state("b").children.open);
}

TEST_CASE("W3: a step goes on once all jobs that it started have settled", "[engine]") {
  Course course({plain("a")});
  course.run("a", starting(waits_for_children(), 2));
  REQUIRE(course.step("a") == "suspended, possible, 0");

  course.take(came(course, 1, 2));
  CHECK(course.answer() == "ignored");
  course.take(came(course, 2, 2));
  CHECK(course.step("a") == "ready, possible, 0");
  course.run("a");
  CHECK(course.settled() == "succeeded");
}

TEST_CASE("W3: a step that asked for another settled job goes on with the first", "[engine]") {
  Course course({plain("a")});
  course.run("a", starting(waits_for_another(0), 3)).take(came(course, 1, 3));
  CHECK(course.step("a") == "ready, possible, 0");

  course.run("a", waits_for_another(1)).take(came(course, 1, 3));
  CHECK(course.answer() == "ignored");
  course.take(came(course, 3, 3)).run("a");
  CHECK(course.settled() == "succeeded");
}

TEST_CASE("W3: a job does not settle before the jobs that it started", "[engine]") {
  Course course({plain("a")});
  course.run("a", starting(ok(), 2));
  CHECK(course.step("a") == "succeeded, done, 1");
  CHECK(course.settled() == "no");

  course.take(came(course, 2, 2));
  CHECK(course.settled() == "succeeded");
}

TEST_CASE("W3: counts from before the last spawn say nothing of what it started", "[engine]") {
  Course course({plain("a")});
  course.run("a", starting(waits_for_another(0), 1));
  const ChildrenCame early = came(course, 1, 1);
  course.take(early).run("a", starting(waits_for_children(), 1));

  course.take(early);

  CHECK(course.answer() == "ignored");
  CHECK(course.step("a") == "suspended, possible, 0");
}

TEST_CASE("W3: a call that ends without success or suspension has started nothing", "[engine]") {
  const auto kind = GENERATE(OutcomeKind::retry, OutcomeKind::effect_unknown, OutcomeKind::crashed);
  Course course({plain("a")});

  course.run("a", starting(ends(kind), 2));

  CHECK_FALSE(course.state("a").children.open);
}

TEST_CASE("W3 C3: a call that is over after the job turned back has started nothing", "[engine]") {
  Course course({saga("a")});
  course.call("a").verb({.kind = Verb::Kind::cancel});

  course.end("a", starting(ok(), 2));

  CHECK_FALSE(course.state("a").children.open);
}

TEST_CASE("W3: a step is not compensated before the jobs that it started are back", "[engine]") {
  Course course({saga("a"), saga("b"), plain("c")});
  course.run("a").run("b", starting(ok(), 1)).run("c", ends(OutcomeKind::refused));
  CHECK(course.step("b") == "succeeded, done, 1");
  CHECK(course.step("a") == "succeeded, done, 1");

  ChildrenCame back = came(course, 1, 1);
  back.counts.step = 1;
  course.take(back);

  CHECK(course.step("b") == "ready (compensate), done, 0");
  course.run("b").run("a");
  CHECK(course.settled() == "compensated");
}

TEST_CASE("W3: a job whose parent turned back is cancelled and says why", "[engine]") {
  Course course({saga("a"), plain("b")});
  course.run("a").run("b", sleeps(5s));

  course.take(ParentTurnedBack{}).take(ParentTurnedBack{});

  CHECK(course.answer() == "ignored");
  course.run("a");
  CHECK(course.settled() == "cancelled");
  CHECK(course.job.cause->error.code == "parent_turned_back");
}

TEST_CASE("W3 C4: a job past its pivot goes on though its parent turned back", "[engine]") {
  StepSketch pivot = plain("a");
  pivot.pivot = true;
  Course course({pivot, plain("b")});
  course.run("a").take(ParentTurnedBack{});

  CHECK(course.answer() == "ignored");
  course.run("b");
  CHECK(course.settled() == "succeeded");
}

TEST_CASE("W1: a step that waits again for jobs that have all settled waits a second", "[engine]") {
  Course course({plain("a")});
  course.run("a", starting(waits_for_children(), 1)).take(came(course, 1, 1));

  course.run("a", waits_for_children());

  const Wait& wait = std::get<Suspended>(course.state("a").condition).wait;
  CHECK_FALSE(wait.children);
  CHECK(wait.due->at == noon + 1s);
}

TEST_CASE("W1: a step that asks again for what it has been told of waits a second", "[engine]") {
  Course course({plain("a")});
  course.run("a", starting(waits_for_another(0), 2)).take(came(course, 1, 2));

  course.run("a", waits_for_another(0));

  const Wait& wait = std::get<Suspended>(course.state("a").condition).wait;
  CHECK_FALSE(wait.children);
  CHECK(wait.due->at == noon + 1s);
}

TEST_CASE("W1: news that came while the call ran ends its wait at once", "[engine]") {
  Course course({plain("a")});
  course.run("a", starting(waits_for_another(0), 2)).take(came(course, 1, 2));
  course.call("a").take(came(course, 2, 2));

  course.end("a", waits_for_another(1));

  CHECK(std::get<Suspended>(course.state("a").condition).wait.children);
  course.take(came(course, 2, 2));
  CHECK(course.step("a") == "ready, possible, 0");
}
