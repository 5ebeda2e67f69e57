#include <catch2/catch.hpp>

#include "tests/support/turn_by_turn.hpp"

using namespace stepd::testing;

namespace {

Verb asked(Verb::Kind kind, std::string step, std::string request_id) {
  return {.kind = kind,
          .step = std::move(step),
          .reason = "because",
          .request_id = std::move(request_id)};
}

/// A job whose step waits in the store.
JobId submit_and_set_aside(TurnByTurn& host, Duration wait) {
  const JobId job = host.submit();
  host.end_call(host.started[0].id, sleeps(wait));
  host.settle();
  REQUIRE(host.is_set_aside(job));
  return job;
}

}  // namespace

TEST_CASE("A8 D1: the step of a refused record is not called while its old call is alive",
          "[runtime]") {
  TurnByTurn host({plain("a"), plain("b")});
  const JobId job = host.submit();
  REQUIRE(host.started.size() == 1);
  const CallId old_call = host.started[0].id;

  host.store.refuse(job);
  const auto abandoned = host.ask(job, asked(Verb::Kind::abandon, "a", "r1"));
  host.commit();
  host.store.take_again(job);
  host.settle();
  CHECK(host.verdict(abandoned) != "accepted");
  CHECK(host.step_on_disk(job, 0) == "parked");
  CHECK(host.stopped == std::vector{old_call});

  const auto retried = host.ask(job, asked(Verb::Kind::retry, "a", "r2"));
  host.settle();
  CHECK(host.verdict(retried) == "accepted");
  CHECK(host.step_on_disk(job, 0) == "ready");
  CHECK(host.started.size() == 1);

  host.end_call(old_call, ok());
  host.settle();
  REQUIRE(host.started.size() == 2);
  CHECK(host.started[1].step == "a");
  CHECK(host.started[1].id != old_call);
  host.end_call(host.started[1].id, ok());
  host.settle();
  CHECK(host.step_on_disk(job, 0) == "succeeded");
}

TEST_CASE("O1 D1: a verb asked for twice is answered once the first is on disk", "[runtime]") {
  TurnByTurn host({plain("a")});
  const JobId job = host.submit();
  const auto first = host.ask(job, asked(Verb::Kind::cancel, "", "r1"));
  const auto again = host.ask(job, asked(Verb::Kind::cancel, "", "r1"));
  CHECK(host.verdict(again) == "open");
  host.commit();
  CHECK(host.verdict(first) == "accepted");
  host.settle();
  CHECK(host.verdict(again) == "accepted");
  CHECK(host.step_on_disk(job, 0) == "stopping");
}

TEST_CASE("O1 J5: a rerun under a request id that was used for another rerun is refused",
          "[runtime]") {
  TurnByTurn host({plain("a"), plain("b")});
  const JobId job = host.submit();
  host.end_call(host.started[0].id, ok());
  host.settle();
  host.end_call(host.started[1].id, ok());
  host.settle();
  const auto rerun = [&](std::string from, char content) {
    Verb verb = asked(Verb::Kind::rerun, std::move(from), "r1");
    verb.content = {std::string(32, content)};
    const auto token = host.ask(job, std::move(verb));
    host.settle();
    return host.verdict(token);
  };

  CHECK(rerun("", 'x') == "accepted");
  CHECK(rerun("", 'x') == "accepted");
  const std::string refused = rerun("b", 'y');

  CHECK(refused.find("the request id \"r1\" was used for rerun before (job ") == 0);
  CHECK(refused.find(", with other content: give each request its own") != std::string::npos);
  CHECK(host.started.size() == 3);
}

TEST_CASE("J5: a job whose undo failed is undone by going on with that and by nothing else",
          "[runtime]") {
  TurnByTurn host({saga("a")});
  const JobId job = host.submit();
  host.end_call(host.started[0].id, ok());
  host.settle();
  const auto ask = [&](JobId of, Verb::Kind kind, std::string step, std::string request,
                       char content = 'x') {
    Verb verb = asked(kind, std::move(step), std::move(request));
    verb.content = {std::string(32, content)};
    const auto token = host.ask(of, std::move(verb));
    host.settle();
    return host.verdict(token);
  };
  REQUIRE(ask(job, Verb::Kind::undo, "", "r1") == "accepted");
  const JobId first = host.started[1].id.job;
  host.end_call(host.started[1].id, ends(OutcomeKind::failed));
  host.settle();
  REQUIRE(ask(first, Verb::Kind::skip, "a", "r2") == "accepted");

  const std::string refused = ask(job, Verb::Kind::undo, "", "r3");
  CHECK(refused.find("to undo the rest, rerun that one (stepctl job rerun " + to_text(first)) !=
        std::string::npos);
  CHECK(ask(first, Verb::Kind::rerun, "", "r4") == "accepted");
  CHECK(ask(first, Verb::Kind::rerun, "", "r4", 'y').find("\"r4\" was used for rerun before") !=
        std::string::npos);
  REQUIRE(host.started.size() == 3);
  CHECK(host.started[2].executed_in == job);
  CHECK(ask(first, Verb::Kind::rerun, "", "r5").find("has been gone on with already") !=
        std::string::npos);
  host.end_call(host.started[2].id, ok());
  host.settle();
  CHECK(host.on_disk(host.started[2].id.job).settled == SettledState::compensated);
  CHECK(ask(job, Verb::Kind::undo, "", "r6").find("has its undo already") != std::string::npos);
}

TEST_CASE("O1 D1: a verb asked for twice is recorded when the first was not", "[runtime]") {
  TurnByTurn host({plain("a"), plain("b")});
  const JobId job = host.submit();
  host.end_call(host.started[0].id, ends(OutcomeKind::bad_answer));
  host.settle();
  REQUIRE(host.step_on_disk(job, 0) == "parked");

  host.store.refuse(job);
  const auto first = host.ask(job, asked(Verb::Kind::retry, "a", "r1"));
  const auto again = host.ask(job, asked(Verb::Kind::retry, "a", "r1"));
  host.commit();
  CHECK(host.verdict(first) != "accepted");
  CHECK(host.verdict(again) == "open");
  host.store.take_again(job);
  host.settle();
  CHECK(host.verdict(again) == "accepted");
  CHECK(host.started.size() == 2);
}

TEST_CASE("A2 C2: a saga step of which nothing ran is not compensated", "[runtime]") {
  TurnByTurn host({saga("a"), saga("b")});
  const JobId job = host.submit();
  const auto cancelled = host.ask(job, asked(Verb::Kind::cancel, "", "r1"));
  host.settle();
  REQUIRE(host.verdict(cancelled) == "accepted");
  host.end_call(host.started[0].id, ends(OutcomeKind::not_started));
  host.settle();
  CHECK(host.started.size() == 1);
  CHECK(host.on_disk(job).settled == SettledState::cancelled);
  CHECK(host.on_disk(job).steps[0].effect == Effect::none);
}

TEST_CASE("T1: a wait in memory ends after its length though the clock is set back", "[runtime]") {
  TurnByTurn host({plain("a")});
  host.submit();
  host.end_call(host.started[0].id, sleeps(4s));
  host.settle();
  host.pass(1s);
  host.now.wall -= 1h;
  host.settle();
  host.pass(2s);
  CHECK(host.started.size() == 1);
  host.pass(1s);
  CHECK(host.started.size() == 2);
}

TEST_CASE("T1: a wait set aside ends after its length though the clock is set back", "[runtime]") {
  TurnByTurn host({plain("a")});
  submit_and_set_aside(host, 30min);
  host.pass(10min);
  host.now.wall -= 1h;
  host.settle();
  host.pass(19min);
  CHECK(host.started.size() == 1);
  host.pass(1min);
  CHECK(host.started.size() == 2);
}

TEST_CASE("T1: after a restart a wait takes what is left of it and no more than all", "[runtime]") {
  TurnByTurn host({plain("a")});
  submit_and_set_aside(host, 30min);

  SECTION("the clock went on") {
    host.pass(10min);
    host.restart();
    host.pass(19min);
    CHECK(host.started.size() == 1);
    host.pass(1min);
    CHECK(host.started.size() == 2);
  }
  SECTION("the clock was set back while nothing ran") {
    host.now.wall -= 5h;
    host.restart();
    host.pass(29min);
    CHECK(host.started.size() == 1);
    host.pass(1min);
    CHECK(host.started.size() == 2);
  }
}

TEST_CASE("T1: recorded time never decreases", "[runtime]") {
  TurnByTurn host({plain("a"), plain("b")});
  const JobId job = host.submit();
  host.now.wall -= 1h;
  host.end_call(host.started[0].id, ok());
  host.settle();
  const auto rows = host.rows_on_disk(job);
  REQUIRE(rows.size() >= 2);
  CHECK(std::ranges::is_sorted(rows, {}, &StoredRow::at));
}

TEST_CASE("A5: a deadline turns the job back while a step waits and not once it succeeded",
          "[runtime]") {
  TurnByTurn host({saga("a"), plain("b")}, 1h);
  const JobId job = host.submit();
  host.end_call(host.started[0].id, ok());
  host.settle();
  REQUIRE(host.started.size() == 2);

  SECTION("it waits in memory") {
    host.end_call(host.started[1].id, sleeps(4s));
    host.settle();
    host.now.wall += 59min;
    host.now.steady += 59min;
    host.settle();
  }
  SECTION("it is set aside") {
    host.end_call(host.started[1].id, sleeps(24h));
    host.settle();
    REQUIRE(host.is_set_aside(job));
    host.pass(59min);
    CHECK_FALSE(host.on_disk(job).backward);
    host.pass(1min);
    REQUIRE(host.started.size() == 3);
    CHECK(host.started[2].phase == Phase::compensate);
    CHECK(host.on_disk(job).cause->kind == Cause::Kind::deadline);
  }
  SECTION("it has succeeded") {
    host.end_call(host.started[1].id, ok());
    host.settle();
    host.pass(2h);
    CHECK(host.on_disk(job).settled == SettledState::succeeded);
    CHECK(host.started.size() == 2);
  }
}

TEST_CASE("A1 A6: a call is told what it needs to know and its start is on disk", "[runtime]") {
  TurnByTurn host({saga("a", 3), plain("b")});
  const JobId job = host.submit();
  const CallRequest first = host.started[0];
  CHECK(first.attempt == 1);
  CHECK(first.attempts_max == 3);
  CHECK_FALSE(first.outcome_unknown);
  CHECK_FALSE(first.has_blobs);
  CHECK(first.own_output.empty());
  CHECK(host.step_on_disk(job, 0) == "running");

  host.restart();
  host.pass(1s);
  const CallRequest second = host.started.at(1);
  CHECK(second.attempt == 2);
  CHECK(second.outcome_unknown);
  CHECK(second.has_blobs);
  CHECK(second.epoch.value == first.epoch.value + 1);
  CHECK(second.args == first.args);

  host.end_call(second.id, ok(R"({"n":1})"));
  host.settle();
  REQUIRE(host.started.at(2).step == "b");
  CHECK(host.started[2].earlier_outputs.at(0).output.view() == R"({"n":1})");
  host.end_call(host.started[2].id, ends(OutcomeKind::refused));
  host.settle();
  const CallRequest back = host.started.at(3);
  CHECK(back.phase == Phase::compensate);
  CHECK(back.own_output.view() == R"({"n":1})");
  CHECK(back.attempt == 1);
  CHECK(back.args == first.args);
}

TEST_CASE("A1: starting a call costs no commit of its own", "[runtime]") {
  TurnByTurn host({plain("a"), plain("b"), plain("c")});
  const auto before = host.store.commits();
  const JobId job = host.submit();
  for (std::size_t step = 0; step < 3; ++step) {
    host.end_call(host.started.at(step).id, ok());
    host.settle();
  }
  CHECK(host.on_disk(job).settled == SettledState::succeeded);
  CHECK(host.store.commits() - before == 4);
}

TEST_CASE("A10: a call that is over and one nobody knows cannot save any more", "[runtime]") {
  TurnByTurn host({plain("a"), plain("b")});
  const JobId job = host.submit();
  const CallId call = host.started[0].id;
  CHECK(host.save(call) == BlobStatus::stored);
  CHECK(host.save({job, call.number + 7}) == BlobStatus::fenced);
  host.end_call(call, ok());
  host.settle();
  CHECK(host.save(call) == BlobStatus::fenced);
}

TEST_CASE("O1: only a settled job is deleted and only once", "[runtime]") {
  TurnByTurn host({plain("a")});
  const JobId job = host.submit();
  const auto early = host.ask(job, asked(Verb::Kind::remove, "", ""));
  host.settle();
  CHECK(host.verdict(early).find("only settled jobs are deleted") != std::string::npos);
  host.end_call(host.started[0].id, ok());
  host.settle();
  const auto done = host.ask(job, asked(Verb::Kind::remove, "", ""));
  host.settle();
  CHECK(host.verdict(done) == "accepted");
  const auto again = host.ask(job, asked(Verb::Kind::remove, "", ""));
  host.settle();
  CHECK(host.verdict(again).find("there is no job") != std::string::npos);
}

TEST_CASE("A7: crashes on one build park the step over restarts until another comes", "[runtime]") {
  TurnByTurn host({plain("a")});
  const JobId job = host.submit();
  for (int crash = 1; crash <= 3; ++crash) {
    host.restart({host.started.back().id});
    host.pass(1h);
  }
  CHECK(host.step_on_disk(job, 0) == "parked");
  CHECK(host.started.size() == 3);
  host.load_build({2});
  host.settle();
  CHECK(host.started.size() == 4);
}

TEST_CASE("T1: a wait that begins as the clock is set back lasts its whole length", "[runtime]") {
  TurnByTurn host({plain("a")});
  const JobId job = host.submit();
  host.now.wall -= 1h;
  const TimePoint due = host.now.wall + 30min;
  Outcome outcome = sleeps(30min);
  outcome.wait->due->at = due;
  host.end_call(host.started[0].id, outcome);
  host.settle();
  REQUIRE(host.is_set_aside(job));
  host.pass(29min);
  CHECK(host.started.size() == 1);
  host.pass(1min);
  CHECK(host.started.size() == 2);
}

TEST_CASE("D1: a verb for a job whose record cannot be read says so", "[runtime]") {
  TurnByTurn host({plain("a")});
  const JobId job = host.submit();
  host.damage(job);
  host.restart();
  const auto cancel = host.ask(job, asked(Verb::Kind::cancel, "", "r1"));
  host.settle();
  CHECK(host.verdict(cancel).find("cannot be read") != std::string::npos);
}

TEST_CASE("W2: an event reaches a job in memory and one that was set aside", "[runtime]") {
  const bool aside = GENERATE(false, true);
  TurnByTurn host({plain("a"), plain("b")});
  const JobId job = host.submit();
  host.end_call(host.started[0].id, awaits("k", aside ? 72h : 1s));
  host.settle();
  REQUIRE(host.is_set_aside(job) == aside);
  const auto listed = [&] { return host.reader().page({}, std::nullopt, 1).at(0).head.word; };
  CHECK(listed() ==
        (aside ? JobWord::waiting : JobWord::running));  // so short a wait is not written

  const auto sent = host.send("e", "k");
  host.settle();

  const auto& answer = std::get<stepd::runtime::EventAnswer>(host.replies.at(sent));
  CHECK(std::get<stepd::runtime::EventAccepted>(answer).given_to == job);
  REQUIRE(host.started.size() == 2);
  REQUIRE(host.started[1].ended_waits.size() == 1);
  CHECK(host.started[1].ended_waits[0].event->id == "e");
  CHECK(listed() == JobWord::running);
}

TEST_CASE("W1: an event that the store has given wins over a time that the engine saw pass",
          "[runtime]") {
  TurnByTurn host({plain("a")});
  const JobId job = host.submit();
  host.end_call(host.started[0].id, awaits("k", 2s));
  host.settle();
  REQUIRE(host.step_on_disk(job, 0) == "suspended");

  host.send("e", "k");  // on its way to the store, while the time runs out in memory
  host.now.wall += 3s;
  host.now.steady += 3s;
  host.turn();
  host.settle();

  REQUIRE(host.started.size() == 2);
  REQUIRE(host.started[1].ended_waits.size() == 1);
  CHECK(host.started[1].ended_waits[0].event->id == "e");
  host.end_call(host.started[1].id, ok());
  host.settle();
  CHECK(host.on_disk(job).steps[0].ended_waits.size() == 1);
}

TEST_CASE("W2: an event given before a crash is taken after it", "[runtime]") {
  TurnByTurn host({plain("a")});
  const JobId job = host.submit();
  host.end_call(host.started[0].id, awaits("k"));
  host.settle();
  host.send("e", "k");
  host.commit_alone();

  host.restart();

  REQUIRE(host.started.size() == 2);
  CHECK(host.started[1].ended_waits.at(0).event->id == "e");
  CHECK(host.on_disk(job).steps[0].ended_waits.size() == 1);
}
