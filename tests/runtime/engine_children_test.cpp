#include <catch2/catch.hpp>

#include "tests/support/turn_by_turn.hpp"

using namespace stepd::testing;

namespace {

Outcome starting(Outcome outcome, std::uint32_t jobs) {
  for (std::uint32_t job = 0; job < jobs; ++job) {
    outcome.spawns.push_back({"job-" + std::to_string(job), job_of({plain("a")})});
  }
  return outcome;
}

/// The call that runs now of another job than this one.
CallId call_of_child(const TurnByTurn& host, JobId parent) {
  for (const CallRequest& call : host.started) {
    if (call.id.job != parent) return call.id;
  }
  throw std::logic_error("no job of another has been called");
}

std::string settled(TurnByTurn& host, JobId job) {
  const auto state = host.on_disk(job).settled;
  return state ? std::string(name_of(*state)) : "no";
}

}  // namespace

TEST_CASE("W3: a parent that leaves memory as its last job settles is woken all the same",
          "[runtime]") {
  TurnByTurn host({plain("a"), plain("b")});
  const JobId parent = host.submit();
  host.end_call(host.started[0].id, starting(ok(), 1));
  host.settle();
  REQUIRE(host.started.size() == 3);
  const CallId child = call_of_child(host, parent);
  const CallId last = host.started[1].id == child ? host.started[2].id : host.started[1].id;

  host.end_call(child, ok());
  host.end_call(last, ok());
  host.settle();

  CHECK(settled(host, child.job) == "succeeded");
  CHECK(settled(host, parent) == "succeeded");
}

TEST_CASE("W3: a job that leaves memory as its parent turns back turns back too", "[runtime]") {
  TurnByTurn host({plain("a"), plain("b")});
  const JobId parent = host.submit();
  host.end_call(host.started[0].id, starting(ok(), 1));
  host.settle();
  const CallId child = call_of_child(host, parent);
  const CallId last = host.started[1].id == child ? host.started[2].id : host.started[1].id;

  host.ask(parent, {.kind = Verb::Kind::cancel, .request_id = "r"});
  host.end_call(child, awaits("k"));
  host.settle();
  host.end_call(last, ends(OutcomeKind::cancelled));
  host.settle();

  CHECK(settled(host, child.job) == "cancelled");
  CHECK(settled(host, parent) == "cancelled");
}

TEST_CASE("W1 A7: an event given before a crash is taken before the crash turns the job back",
          "[runtime]") {
  StepSketch waits = plain("a");
  waits.after = std::vector<StepIndex>{};
  StepSketch once = plain("b");
  once.after = std::vector<StepIndex>{};
  once.attempts_max = 1;
  TurnByTurn host({waits, once});
  const JobId job = host.submit();
  host.end_call(host.started[0].id, awaits("k"));
  host.settle();
  host.send("e", "k");
  host.commit_alone();

  host.restart();

  CHECK(settled(host, job) == "failed");
  CHECK(host.on_disk(job).steps[0].ended_waits.size() == 1);
}

TEST_CASE("A5 C4: a deadline that bounds the parent no more does not bound what it starts",
          "[runtime]") {
  StepSketch pivot = plain("a");
  pivot.pivot = true;
  TurnByTurn host({pivot, plain("b")}, 5s);
  const JobId parent = host.submit();
  host.end_call(host.started[0].id, ok());
  host.settle();
  host.pass(10s);

  host.end_call(host.started[1].id, starting(ok(), 1));
  host.settle();

  CHECK_FALSE(host.on_disk(call_of_child(host, parent).job).definition->deadline);
}
