#include "host/engine/derived_job.hpp"

#include <catch2/catch.hpp>

#include "tests/support/course.hpp"

using namespace stepd::testing;

namespace {

Verb asked(Verb::Kind kind, std::string from = "") {
  return {.kind = kind,
          .step = std::move(from),
          .reason = "because",
          .request_id = "r1",
          .actor = "alice"};
}

Verb under(std::string request_id, Verb::Kind kind, std::string step = "") {
  Verb verb = asked(kind, std::move(step));
  verb.request_id = std::move(request_id);
  return verb;
}

DerivedJob made(const Course& origin, Verb::Kind kind, const std::string& from = "") {
  auto derived = derive(origin.job, asked(kind, from));
  if (const auto* refused = std::get_if<Refused>(&derived)) FAIL(refused->message);
  return std::get<DerivedJob>(std::move(derived));
}

/// What it is refused with; empty when it is not.
std::string refusal(const Course& origin, const Verb& verb) {
  const auto derived = derive(origin.job, verb);
  const auto* refused = std::get_if<Refused>(&derived);
  return refused ? refused->message : std::string();
}
std::string refusal(const Course& origin, Verb::Kind kind, const std::string& from = "") {
  return refusal(origin, asked(kind, from));
}

bool says(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

/// a, then b and c beside each other, then d.
std::vector<StepSketch> diamond() {
  return {saga("a"),
          {.id = "b", .kind = StepKind::saga, .attempts_max = 2, .after = {{0}}},
          {.id = "c", .after = {{0}}},
          {.id = "d", .after = {{1, 2}}}};
}

Course succeeded(const std::vector<StepSketch>& sketches) {
  Course course(sketches);
  for (const StepSketch& sketch : sketches) course.run(sketch.id, ok(R"({"n":1})"));
  REQUIRE(course.settled() == "succeeded");
  return course;
}

}  // namespace

TEST_CASE("J5: a rerun is a new job that names the old one and nothing of it has run", "[engine]") {
  const Course old = succeeded({saga("a"), plain("b")});

  const DerivedJob rerun = made(old, Verb::Kind::rerun);
  const Course again(old, rerun);

  CHECK(rerun.definition.origin == Origin{.kind = Origin::Kind::rerun, .job = old.job.id});
  CHECK(rerun.derivation.origin == old.job.id);
  CHECK(rerun.derivation.request_id == "r1");
  CHECK(rerun.derivation.relies_on.empty());
  CHECK(again.job.id != old.job.id);
  CHECK(again.step("a") == "ready, none, 0");
  CHECK(again.step("b") == "pending, none, 0");
}

TEST_CASE("J5: a rerun keeps name and policies and priority and has no key", "[engine]") {
  Course old = succeeded({plain("a")});
  JobDefinition keyed = *old.job.definition;
  keyed.key = "k";
  keyed.deadline = 1h;
  old.job.definition = std::make_shared<const JobDefinition>(keyed);
  old.job.priority = 7;

  const JobDefinition again = made(old, Verb::Kind::rerun).definition;

  CHECK(again.key.empty());
  CHECK(again.name == keyed.name);
  CHECK(again.deadline == keyed.deadline);
  CHECK(again.steps == keyed.steps);
  CHECK(again.priority == 7);
}

TEST_CASE("J5: a rerun from a step keeps the outcomes of all that does not come after it",
          "[engine]") {
  const Course old = succeeded(diamond());

  const DerivedJob rerun = made(old, Verb::Kind::rerun, "b");
  Course again(old, rerun);

  CHECK(again.step("a") == "succeeded, none, 0");
  CHECK(again.step("b") == "ready, none, 0");
  CHECK(again.step("c") == "succeeded, none, 0");
  CHECK(again.step("d") == "pending, none, 0");
  CHECK(again.state("a").output.view() == R"({"n":1})");
  CHECK(rerun.derivation.relies_on == std::vector{old.job.id});
  CHECK(rerun.definition.origin->kept == std::vector<KeptStep>{{0, old.job.id}, {2, old.job.id}});
  CHECK(again.recovered() == again.job);
}

TEST_CASE("J5: what a rerun has kept is never compensated by it", "[engine]") {
  const Course old = succeeded(diamond());
  Course again(old, made(old, Verb::Kind::rerun, "b"));

  again.run("b").run("d", ends(OutcomeKind::refused));

  CHECK(again.step("a") == "succeeded, none, 0");
  CHECK(again.step("b") == "ready (compensate), done, 0");
  again.run("b");
  CHECK(again.settled() == "compensated");
  CHECK(again.step("a") == "succeeded, none, 0");
}

TEST_CASE("J5: a rerun from a step runs beside it what did not succeed before", "[engine]") {
  Course old(diamond());
  old.run("a").run("c", ends(OutcomeKind::refused)).run("a");
  REQUIRE(old.settled() == "compensated");
  CHECK(says(refusal(old, Verb::Kind::rerun, "b"), "step \"a\" comes before it and was undone"));

  Course plain_first({plain("a"), {.id = "b", .after = {{0}}}, {.id = "c", .after = {{0}}}});
  plain_first.run("a").run("b").run("c", ends(OutcomeKind::refused));
  REQUIRE(plain_first.settled() == "failed");
  const Course again(plain_first, made(plain_first, Verb::Kind::rerun, "b"));
  CHECK(again.step("a") == "succeeded, none, 0");
  CHECK(again.step("b") == "ready, none, 0");
  CHECK(again.step("c") == "ready, none, 0");
}

TEST_CASE("J5: a step skipped in the old job is kept as skipped with its output", "[engine]") {
  Course old({plain("a"), plain("b")});
  Verb skip{.kind = Verb::Kind::skip, .step = "a", .output = JsonText(R"({"n":2})")};
  old.verb(skip).run("b");

  const Course again(old, made(old, Verb::Kind::rerun, "b"));

  CHECK(again.step("a") == "skipped, none, 0");
  CHECK(again.state("a").output.view() == R"({"n":2})");
}

TEST_CASE("J5: a rerun of a rerun names the job that really ran what it keeps", "[engine]") {
  const Course first = succeeded({saga("a"), plain("b"), plain("c")});
  Course second(first, made(first, Verb::Kind::rerun, "b"));
  second.run("b").run("c");

  const auto derived = derive(second.job, under("r2", Verb::Kind::rerun, "c"));
  REQUIRE(std::holds_alternative<DerivedJob>(derived));
  const DerivedJob& third = std::get<DerivedJob>(derived);

  CHECK(third.definition.origin->kept ==
        std::vector<KeptStep>{{0, first.job.id}, {1, second.job.id}});
  CHECK(third.derivation.relies_on == std::vector{first.job.id, second.job.id});
}

TEST_CASE("J5: a rerun past the pivot is past it and only goes forward", "[engine]") {
  const Course old = succeeded({saga("a"), {.id = "p", .pivot = true}, plain("c")});
  Course again(old, made(old, Verb::Kind::rerun, "c"));

  again.run("c", ends(OutcomeKind::refused));

  CHECK(again.job.past_pivot);
  CHECK(again.step("c") == "parked, none, 1");
}

TEST_CASE("J2 J5: a rerun runs with the types the old job had also when they came late",
          "[engine]") {
  Course old({plain("a"), {.id = "b", .known = false}});
  old.run("a").run("b");
  REQUIRE(old.settled() == "succeeded");
  Course again(old, made(old, Verb::Kind::rerun, "b"));
  again.catalogue.types.erase("type.b");

  CHECK(snapshot(again.job, 1) != nullptr);
  CHECK(*snapshot(again.job, 1) == *snapshot(old.job, 1));
}

TEST_CASE("J5: an undo compensates what succeeded in reverse order", "[engine]") {
  const Course old = succeeded(diamond());
  Course undo(old, made(old, Verb::Kind::undo));

  CHECK(undo.job.backward);
  CHECK(undo.step("b") == "ready (compensate), done, 0");
  CHECK(undo.step("a") == "succeeded, done, 0");
  undo.run("b");
  CHECK(undo.step("a") == "ready (compensate), done, 0");
  undo.run("a");

  CHECK(undo.settled() == "compensated");
  CHECK(undo.step("c") == "succeeded, done, 0");
  CHECK(undo.recovered() == undo.job);
  CHECK(undo.job.cause->kind == Cause::Kind::undo);
}

TEST_CASE("A6 J5: a compensation of an undo is given arguments and output and key of the old job",
          "[engine]") {
  Course old({saga("a"), {.id = "b", .kind = StepKind::saga, .attempts_max = 2}});
  JobDefinition referring = *old.job.definition;
  referring.steps[1].args = JsonText(R"({"n":{"$ref":"/steps/a/output/n"}})");
  referring.steps[1].args_have_references = true;
  old.job.definition = std::make_shared<const JobDefinition>(referring);
  old.run("a", ok(R"({"n":5})")).run("b", ok(R"({"receipt":"R"})"));
  Course undo(old, made(old, Verb::Kind::undo));

  undo.call("b");
  const CallRequest request = request_of(undo.job, 1, {1});

  CHECK(request.phase == Phase::compensate);
  CHECK(request.args.view() == R"({"n":5})");
  CHECK(request.own_output.view() == R"({"receipt":"R"})");
  CHECK(request.executed_in == old.job.id);
  CHECK(request.id.job == undo.job.id);
  CHECK(request.has_blobs);
}

TEST_CASE("J5: an undo has no deadline and past its pivot it still gives up and parks",
          "[engine]") {
  Course old({saga("a"),
              {.id = "p",
               .kind = StepKind::saga,
               .attempts_max = 2,
               .compensate_attempts_max = 1,
               .pivot = true}});
  old.run("a").run("p");
  Course undo(old, made(old, Verb::Kind::undo));

  undo.run("p", ends(OutcomeKind::retry));

  CHECK_FALSE(undo.job.past_pivot);
  CHECK(undo.step("p") == "parked (compensate), done, 1");
  CHECK_FALSE(undo.job.definition->deadline);
}

TEST_CASE("J5: what cannot be undone is refused with the reason", "[engine]") {
  Course failed({saga("a"), plain("b")});
  failed.run("a").run("b", ends(OutcomeKind::refused)).run("a");
  CHECK(says(refusal(failed, Verb::Kind::undo), "did not succeed (it is compensated)"));

  const Course pivoted = succeeded({saga("a"), {.id = "p", .pivot = true}});
  CHECK(says(refusal(pivoted, Verb::Kind::undo),
             "its point of no return, step \"p\", has no compensation"));

  CHECK(says(refusal(succeeded({plain("a")}), Verb::Kind::undo), "has nothing to undo"));

  const Course old = succeeded({saga("a")});
  Course undo(old, made(old, Verb::Kind::undo));
  undo.run("a");
  Verb again = asked(Verb::Kind::undo);
  again.request_id = "r2";
  CHECK(says(refusal(undo, again), "undoes job " + to_text(old.job.id)));
  Verb rerun = asked(Verb::Kind::rerun);
  rerun.request_id = "r2";
  CHECK(says(refusal(undo, rerun), "undoes job " + to_text(old.job.id)));
}

namespace {

/// An undo of two saga steps that has undone b and left what a did.
Course failed_undo(const Course& old) {
  Course undo(old, made(old, Verb::Kind::undo));
  undo.run("b").run("a", ends(OutcomeKind::failed));
  undo.verb(under("r2", Verb::Kind::skip, "a"));
  REQUIRE(undo.settled() == "failed");
  return undo;
}

DerivedJob gone_on_with(const Course& undo, const std::string& request_id = "r3") {
  auto derived = derive(undo.job, under(request_id, Verb::Kind::rerun));
  if (const auto* refused = std::get_if<Refused>(&derived)) FAIL(refused->message);
  return std::get<DerivedJob>(std::move(derived));
}

}  // namespace

TEST_CASE("J5: an undo that failed is gone on with and what it has undone is left alone",
          "[engine]") {
  const Course old = succeeded({saga("a"), saga("b"), plain("c")});
  const Course undo = failed_undo(old);

  const DerivedJob rest = gone_on_with(undo);
  Course second(undo, rest);

  CHECK(second.step("b") == "compensated, done, 0");
  CHECK(second.step("a") == "ready (compensate), done, 0");
  second.run("a");
  CHECK(second.settled() == "compensated");
  CHECK(second.recovered() == second.job);
  CHECK(rest.definition.origin ==
        Origin{.kind = Origin::Kind::undo, .job = old.job.id, .kept = {{1, undo.job.id}}});
  CHECK(rest.derivation == Derivation{.origin = undo.job.id,
                                      .kind = Origin::Kind::undo,
                                      .request_id = "r3",
                                      .relies_on = {old.job.id},
                                      .goes_on = true});
}

TEST_CASE("A6 J5: all undos of a job call its compensations with one key and the same arguments",
          "[engine]") {
  const Course old = succeeded({saga("a"), saga("b")});
  Course first(old, made(old, Verb::Kind::undo));
  first.run("b").call("a");
  const CallRequest before = request_of(first.job, 0, {1});
  first.end("a", ends(OutcomeKind::failed)).verb(under("r2", Verb::Kind::skip, "a"));
  Course second(first, gone_on_with(first));

  second.call("a");
  const CallRequest after = request_of(second.job, 0, {1});

  CHECK(before.executed_in == old.job.id);
  CHECK(after.executed_in == old.job.id);
  CHECK(after.own_output == before.own_output);
  CHECK(after.args == before.args);
  CHECK(after.has_blobs);
}

TEST_CASE("W2 J5: an undo that goes on with another knows how the waits of that one ended",
          "[engine]") {
  const Course old = succeeded({saga("a"), saga("b")});
  Course first(old, made(old, Verb::Kind::undo));
  first.run("b").run("a", awaits("k", 1h)).wake("a").run("a", ends(OutcomeKind::failed));
  first.verb(under("r2", Verb::Kind::skip, "a"));
  Course second(first, gone_on_with(first));

  second.call("a");

  const auto waits = request_of(second.job, 0, {1}).ended_waits;
  REQUIRE(waits.size() == 1);
  CHECK(waits[0].key == "k");
}

TEST_CASE("J5: an undo that finds out that there was nothing to undo is no failure", "[engine]") {
  StepSketch a = saga("a", 3);
  a.probe = true;
  Course old({a});
  old.run("a", ends(OutcomeKind::effect_unknown)).wake("a");
  old.verb(under("r0", Verb::Kind::skip, "a"));
  REQUIRE(old.step("a") == "skipped, possible, 0");
  REQUIRE(old.settled() == "succeeded");

  Course undo(old, made(old, Verb::Kind::undo));
  REQUIRE(undo.step("a") == "ready (probe), possible, 0");
  undo.run("a", ends(OutcomeKind::no_effect));

  CHECK(undo.settled() == "compensated");
}

TEST_CASE("J5: an undo that failed once more is gone on with in its turn", "[engine]") {
  const Course old = succeeded({saga("a"), saga("b"), saga("c")});
  Course first(old, made(old, Verb::Kind::undo));
  first.run("c").run("b", ends(OutcomeKind::failed)).verb(under("r2", Verb::Kind::skip, "b"));
  first.run("a", ends(OutcomeKind::failed)).verb(under("r3", Verb::Kind::skip, "a"));
  Course second(first, gone_on_with(first, "r4"));
  second.run("b").run("a", ends(OutcomeKind::failed)).verb(under("r5", Verb::Kind::skip, "a"));
  REQUIRE(second.settled() == "failed");

  const DerivedJob rest = gone_on_with(second, "r6");
  Course third(second, rest);

  CHECK(third.step("a") == "ready (compensate), done, 0");
  CHECK(rest.definition.origin->kept ==
        std::vector<KeptStep>{{1, second.job.id}, {2, first.job.id}});
  third.run("a");
  CHECK(third.settled() == "compensated");
}

TEST_CASE("J5: an undo that has nothing left is not gone on with and none begins at a step",
          "[engine]") {
  const Course old = succeeded({saga("a"), saga("b")});
  Course whole(old, made(old, Verb::Kind::undo));
  whole.run("b").run("a");
  REQUIRE(whole.settled() == "compensated");
  CHECK(says(refusal(whole, under("r2", Verb::Kind::rerun)), "has left nothing to go on with"));

  const Course undo = failed_undo(old);
  CHECK(says(refusal(undo, under("r3", Verb::Kind::rerun, "a")), "rerun it whole"));
  CHECK(says(refusal(undo, under("r3", Verb::Kind::undo)), "stepctl job rerun"));
}

TEST_CASE("J5: what cannot be rerun is refused with the reason", "[engine]") {
  const Course old = succeeded({saga("a"), plain("b")});
  CHECK(says(refusal(old, Verb::Kind::rerun, "z"), "has no step \"z\""));

  Course failed({plain("a"), plain("b"), plain("c")});
  failed.run("a").run("b", ends(OutcomeKind::refused));
  CHECK(says(refusal(failed, Verb::Kind::rerun, "c"),
             "step \"b\" comes before it and did not succeed (it is abandoned)"));
  CHECK(refusal(failed, Verb::Kind::rerun, "b").empty());

  Course running({plain("a")});
  running.verb(asked(Verb::Kind::rerun));
  CHECK(says(running.answer(), "has not settled: only a settled job is rerun"));
  running.verb(asked(Verb::Kind::undo));
  CHECK(says(running.answer(), "has not settled: only a settled job is undone"));
  CHECK(running.rows.size() == 1);
}

TEST_CASE("O1: a request id that was used for another verb is refused for a rerun", "[engine]") {
  Course old({plain("a")});
  old.verb(asked(Verb::Kind::pause));
  Verb resume = asked(Verb::Kind::resume);
  resume.request_id = "r2";
  old.verb(resume).run("a");

  CHECK(says(refusal(old, Verb::Kind::rerun), "was used for pause before"));
  Verb other = asked(Verb::Kind::rerun);
  other.request_id = "r3";
  CHECK(refusal(old, other).empty());
}

TEST_CASE("O1: a priority is journaled and stays and the same again changes nothing", "[engine]") {
  Course course({plain("a")});
  Verb raise = asked(Verb::Kind::priority);
  raise.priority = 5;

  course.verb(raise);
  CHECK(course.answer() == "done");
  CHECK(course.job.priority == 5);
  CHECK(course.recovered().priority == 5);
  course.verb(raise);
  CHECK(course.answer() == "ignored");
}
