#include <catch2/catch.hpp>

#include "host/engine/why.hpp"
#include "tests/support/turn_by_turn.hpp"

using namespace stepd::testing;

namespace {

Verb asked(Verb::Kind kind, std::string request_id, std::string step = {}) {
  return {.kind = kind,
          .step = std::move(step),
          .reason = "because",
          .request_id = std::move(request_id)};
}

Outcome waits_for_jobs() {
  return {.kind = OutcomeKind::suspended, .wait = Wait{.children = ChildWait{}}};
}

StepSketch probed(std::string id) { return {.id = std::move(id), .probe = true}; }

/// The step waited once, and goes on: its second call is under way.
JobId submit_and_resume(TurnByTurn& host) {
  const JobId job = host.submit();
  host.end_call(host.started[0].id, sleeps(2s));
  host.settle();
  host.pass(3s);
  REQUIRE(host.started.size() == 2);
  return job;
}

/// The store refuses what this verb adds to the job's record, once.
void refuse_record(TurnByTurn& host, JobId job) {
  host.store.refuse(job);
  host.ask(job, asked(Verb::Kind::priority, "refused"));
  host.commit();
  host.store.take_again(job);
  host.settle();
  REQUIRE(host.step_on_disk(job, 0) == "parked");
}

}  // namespace

TEST_CASE("W1: a wait that ends while a claim is on its way is not forgotten", "[runtime]") {
  TurnByTurn host({plain("a")});
  host.submit();
  host.load_build({2});  // makes the engine ask the store for jobs, in a turn that waits
  host.end_call(host.started[0].id, sleeps(10s));
  host.skip(11s);
  host.turn();

  host.settle();
  host.pass(1min);

  CHECK(host.started.size() == 2);
}

TEST_CASE("W1: a step that waits for no job at all is called again though the job leaves memory",
          "[runtime]") {
  StepSketch beside = plain("b");
  beside.after.emplace();
  TurnByTurn host({plain("a"), beside});
  host.submit();
  REQUIRE(host.started.size() == 2);

  host.end_call(host.started[0].id, waits_for_jobs());
  host.end_call(host.started[1].id, sleeps(1h));
  host.settle();

  REQUIRE(host.started.size() == 3);
  CHECK(host.started[2].step == "a");
}

TEST_CASE("J8 D2: what a job waits for after an operator's verb outlives a crash", "[runtime]") {
  StepSketch once = saga("a", 1);
  once.not_repeatable = true;
  TurnByTurn host({once, plain("b")});
  const JobId job = host.submit();
  host.end_call(host.started[0].id, ends(OutcomeKind::bad_answer));
  host.settle();
  host.load_all_but({"type.b"});
  host.settle();

  host.ask(job, asked(Verb::Kind::resolve, "r1", "a"));
  host.commit();         // it is not in memory: loaded first
  host.now.wall -= 10s;  // for a moment nothing is set aside
  host.turn();
  host.commit_alone();
  host.restart();
  host.load_all_but({});
  host.settle();

  REQUIRE(host.started.size() == 2);
  CHECK(host.started[1].step == "b");
}

TEST_CASE("D1 J5: a job read before its last change is not taken for what it is", "[runtime]") {
  TurnByTurn host({plain("a")}, 10s);
  const JobId job = host.submit();
  host.end_call(host.started[0].id, sleeps(1h));
  host.settle();
  REQUIRE(host.is_set_aside(job));

  host.skip(10s);
  host.turn();  // asks the store for what is due
  const auto first = host.ask(job, asked(Verb::Kind::pause, "r1"));  // asks for this job
  host.commit_first();
  host.turn();
  host.turn();          // the deadline turns it back, and it settles
  host.commit_first();  // it is read as it was
  host.commit();
  host.turn();
  const auto second = host.ask(job, asked(Verb::Kind::pause, "r2"));
  host.settle();

  CHECK(host.on_disk(job).settled == SettledState::failed);
  CHECK(host.rows_on_disk(job).size() == 3);
  CHECK(host.verdict(first) != "accepted");
  CHECK(host.verdict(second) != "accepted");
}

TEST_CASE("A8 D1: a call that begins after a change without a row is known though that is refused",
          "[runtime]") {
  TurnByTurn host({plain("a")});
  const JobId job = host.submit();
  host.end_call(host.started[0].id, sleeps(10s));
  host.settle();
  REQUIRE(host.is_set_aside(job));

  host.skip(6s);
  host.ask(job, asked(Verb::Kind::resolve, "r1", "a"));  // refused, but it brings the job here
  host.commit();
  host.store.refuse(job);
  host.turn();  // it stays: its head says so
  host.skip(4s);
  host.turn();  // its second call
  host.commit_first();
  host.store.take_again(job);
  host.settle();
  const auto calls = host.started.size();
  host.ask(job, asked(Verb::Kind::retry, "r2"));
  host.settle();

  REQUIRE(calls == 2);
  CHECK(host.stopped == std::vector{host.started[1].id});
  CHECK(host.started.size() == 2);
  host.end_call(host.started[1].id, ends(OutcomeKind::cancelled));
  host.settle();
  CHECK(host.started.size() == 3);
}

TEST_CASE("A9: a step that goes on is asked first once the record of its call is refused",
          "[runtime]") {
  TurnByTurn host({probed("a")});
  const JobId job = submit_and_resume(host);

  refuse_record(host, job);
  host.end_call(host.started[1].id, ends(OutcomeKind::cancelled));
  host.ask(job, asked(Verb::Kind::retry, "r1"));
  host.settle();

  REQUIRE(host.started.size() == 3);
  CHECK(host.started[2].phase == Phase::probe);
}

TEST_CASE("A9: a step that goes on is asked first when its host dies while it ends", "[runtime]") {
  TurnByTurn host({probed("a")});
  submit_and_resume(host);

  host.turn(ShutdownAsked{});
  host.commit();
  host.restart();

  REQUIRE(host.started.size() == 3);
  CHECK(host.started[2].phase == Phase::probe);
}

TEST_CASE("C3: a retry of what was parked on the way back starts nothing forward", "[runtime]") {
  TurnByTurn host({saga("a")});
  const JobId job = host.submit();
  host.ask(job, asked(Verb::Kind::cancel, "r1"));
  host.settle();

  refuse_record(host, job);
  host.end_call(host.started[0].id, ends(OutcomeKind::cancelled));
  host.ask(job, asked(Verb::Kind::retry, "r2"));
  host.settle();

  REQUIRE(host.started.size() == 2);
  CHECK(host.started[1].phase == Phase::compensate);
}

TEST_CASE("O3: what a step did is not stated while its call goes on though it is parked",
          "[runtime]") {
  TurnByTurn host({saga("a")});
  const JobId job = host.submit();
  refuse_record(host, job);
  Verb none = asked(Verb::Kind::resolve, "r1", "a");
  none.truth = Verb::Truth::none;

  const auto early = host.ask(job, none);
  host.settle();
  host.end_call(host.started[0].id, ends(OutcomeKind::failed));
  host.settle();
  none.request_id = "r2";
  const auto late = host.ask(job, none);
  host.settle();

  CHECK(host.verdict(early).find("step \"a\" of job") == 0);
  CHECK(host.verdict(early).find("in the middle of a call") != std::string::npos);
  CHECK(host.verdict(late) == "accepted");
}

TEST_CASE("W1 D2: nothing that follows a refused row is on record when the host dies",
          "[runtime]") {
  TurnByTurn host({plain("a")});
  host.submit();
  host.now.wall -= 10s;  // for a moment nothing is set aside
  host.turn();
  host.end_call(host.started[0].id, ends(OutcomeKind::bad_answer));
  host.commit_first();
  const JobId job = host.started[0].id.job;
  host.turn();  // parked, it could be set aside now

  host.store.refuse(job);
  host.commit_first();
  host.store.take_again(job);
  host.commit();
  host.restart();
  host.pass(2s);

  CHECK(host.started.size() == 2);
}

TEST_CASE("D1: a job is set aside once its last row is on disk", "[runtime]") {
  TurnByTurn host({plain("a")});
  const JobId job = host.submit();
  host.now.wall -= 10s;
  host.turn();
  host.end_call(host.started[0].id, sleeps(1h));
  host.commit_first();
  host.turn();
  host.commit();
  CHECK_FALSE(host.is_set_aside(job));

  host.pass(1ms);

  CHECK(host.is_set_aside(job));
}

TEST_CASE("C1: a job cancelled beside a call whose record was refused goes back when that is over",
          "[runtime]") {
  TurnByTurn host({saga("a")});
  const JobId job = host.submit();
  host.store.refuse(job);
  host.ask(job, asked(Verb::Kind::priority, "refused"));
  host.commit();
  host.store.take_again(job);
  host.ask(job, asked(Verb::Kind::cancel, "r1"));
  host.commit();
  host.turn();  // it parks and turns back
  REQUIRE(host.started.size() == 1);

  SECTION("its end is reported") {
    host.end_call(host.started[0].id, ends(OutcomeKind::cancelled));
    host.settle();
  }
  SECTION("the host dies") {
    host.settle();
    host.restart();
  }

  REQUIRE(host.started.size() == 2);
  CHECK(host.started[1].phase == Phase::compensate);
}

TEST_CASE("D1: a call that never began gives its slot back though its job cannot be read",
          "[runtime]") {
  const bool is_gone = GENERATE(false, true);
  TurnByTurn host({plain("a"), plain("b")});
  const JobId job = host.submit();
  host.store.refuse(job);
  host.end_call(host.started[0].id, ok());  // the start of the next call goes with it
  host.commit();
  REQUIRE(host.load().calls == 1);

  if (is_gone) {
    host.remove(job);
  } else {
    host.damage(job);
  }
  host.store.take_again(job);
  host.settle();

  CHECK(host.load().calls == 0);
  CHECK(host.started.size() == 1);
}

TEST_CASE("O3: what a step did is not stated while its call went on though that has ended since",
          "[runtime]") {
  TurnByTurn host({saga("a")});
  const JobId job = host.submit();
  host.store.refuse(job);
  host.ask(job, asked(Verb::Kind::priority, "refused"));
  host.commit();
  host.store.take_again(job);
  Verb none = asked(Verb::Kind::resolve, "r1", "a");
  none.truth = Verb::Truth::none;

  const auto early = host.ask(job, none);  // the job is being loaded
  host.end_call(host.started[0].id, ok());
  host.settle();
  none.request_id = "r2";
  const auto late = host.ask(job, none);
  host.settle();

  CHECK(host.verdict(early).find("in the middle of a call") != std::string::npos);
  CHECK(host.verdict(late) == "accepted");
}

namespace {

StepSketch at_once(std::string id) {
  StepSketch step = plain(std::move(id));
  step.after.emplace();
  return step;
}

}  // namespace

TEST_CASE("J8: of two steps that wait for types the second goes on when its own arrives",
          "[runtime]") {
  TurnByTurn host({at_once("p"), at_once("q")});
  host.load_all_but({"type.p", "type.q"});
  const JobId job = host.submit();
  host.settle();

  host.load_all_but({"type.p"});
  host.settle();

  REQUIRE(host.started.size() == 1);
  CHECK(host.started[0].step == "q");
  host.end_call(host.started[0].id, ok());
  host.settle();
  host.pass(1h);
  CHECK(host.started.size() == 1);
  host.load_all_but({});
  host.settle();
  CHECK(host.started.size() == 2);
  CHECK(host.on_disk(job).calls == 2);
}

TEST_CASE("J8: a job that has begun and lacks a type for what comes next is waiting in a list",
          "[runtime]") {
  TurnByTurn host({plain("a"), plain("b")});
  host.load_all_but({"type.b"});
  const JobId job = host.submit();
  host.end_call(host.started[0].id, ok());
  host.settle();
  const auto listed = [&] { return host.reader().page({}, std::nullopt, 1).at(0).head; };
  const auto shown = [&] {
    const auto loaded = host.reader().find(job);
    return word_of(fold(*loaded), loaded->head);
  };

  CHECK(listed().word == JobWord::waiting);
  CHECK(listed().needs == "type.b");
  CHECK(shown() == JobWord::waiting);
  host.load_all_but({});
  host.settle();
  REQUIRE(host.started.size() == 2);
  CHECK(shown() == JobWord::running);
  CHECK(listed().word == JobWord::running);
  host.end_call(host.started[1].id, ok());
  host.settle();
  CHECK(listed().word == JobWord::succeeded);
}

TEST_CASE("A10: what a call saves after its step was given up beside it is kept as that call's own",
          "[runtime]") {
  TurnByTurn host({probed("a")});
  const JobId job = host.submit();
  host.end_call(host.started[0].id, ends(OutcomeKind::effect_unknown));
  host.settle();
  host.pass(2s);
  REQUIRE(host.started.size() == 2);
  REQUIRE(host.started[1].phase == Phase::probe);

  refuse_record(host, job);
  host.ask(job, asked(Verb::Kind::abandon, "r1", "a"));
  host.settle();
  const BlobStatus said = host.save(host.started[1].id);

  REQUIRE(said == BlobStatus::stored);
  const auto kept = host.reader().blobs(job, 0);
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].phase == Phase::probe);
}
