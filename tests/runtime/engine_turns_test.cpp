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
