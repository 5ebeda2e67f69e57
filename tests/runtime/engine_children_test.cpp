#include <catch2/catch.hpp>

#include "host/runtime/child_undo.hpp"
#include "tests/support/turn_by_turn.hpp"

using namespace stepd::testing;
namespace plugin = stepd::plugin;
namespace runtime = stepd::runtime;

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

namespace {

/// Two jobs on disk: one whose compensation of step a is called just now, and one of these steps
/// that step a has started and that succeeded.
struct Family {
  TurnByTurn host{{saga("a"), plain("b")}};
  JobId parent{};
  JobId child{};
  CallRequest compensation{};

  explicit Family(const std::vector<StepSketch>& of_child = {saga("a")}) {
    parent = host.submit();
    Outcome outcome = ok();
    outcome.spawns.push_back({.key = "it", .definition = job_of(of_child)});
    host.end_call(host.started[0].id, outcome);
    host.settle();
    child = call_of_child(host, parent).job;
    CallId of_parent;
    for (std::size_t call = 1; call < host.started.size(); ++call) {
      const CallId id = host.started[call].id;
      if (id.job == parent) {
        of_parent = id;
      } else {
        host.end_call(id, ok());
        host.settle();
      }
    }
    host.end_call(of_parent, ends(OutcomeKind::refused));
    host.settle();
    compensation = host.started.back();
    REQUIRE(compensation.phase == Phase::compensate);
    host.started.clear();
  }

  [[nodiscard]] plugin::CheckedUndo checked() {
    return runtime::check_undo(host.reader(), compensation, "it");
  }

  /// The compensation asks for the undo of the child and waits for it.
  void undo() {
    Outcome outcome{.kind = OutcomeKind::suspended, .wait = Wait{.children = ChildWait{}}};
    outcome.spawns.push_back({.key = name_of_undo("it"),
                              .undo = std::get<std::shared_ptr<const DerivedJob>>(checked())});
    host.end_call(compensation.id, outcome);
  }

  [[nodiscard]] std::string state_of_undo() {
    const auto undo = runtime::child_undo(host.reader(), parent, {0, "it"});
    if (!undo) return "none";
    return undo->outcome ? std::string(name_of(undo->outcome->word)) : "open";
  }
};

}  // namespace

TEST_CASE("W3: a compensation undoes the job that its step has started and waits for that",
          "[runtime]") {
  Family family;
  TurnByTurn& host = family.host;

  family.undo();
  host.settle();
  REQUIRE(host.started.size() == 1);
  CHECK(family.state_of_undo() == "open");
  const CallRequest undo = host.started[0];
  CHECK(undo.phase == Phase::compensate);
  CHECK(undo.executed_in == family.child);
  CHECK(host.on_disk(undo.id.job).definition->parent ==
        ParentLink{family.parent, 0, name_of_undo("it")});
  host.end_call(undo.id, ok());
  host.settle();

  CHECK(settled(host, undo.id.job) == "compensated");
  CHECK(family.state_of_undo() == "compensated");
  CHECK(std::holds_alternative<plugin::UndoneAlready>(family.checked()));
  REQUIRE(host.started.size() == 2);
  CHECK(host.started[1].id.job == family.parent);
  host.end_call(host.started[1].id, ok());
  host.settle();
  CHECK(settled(host, family.parent) == "compensated");
}

TEST_CASE("W3 D2: the undo that a compensation has asked for is carried on after a crash",
          "[runtime]") {
  Family family;
  TurnByTurn& host = family.host;
  family.undo();
  host.turn();
  host.commit_alone();
  host.restart();

  REQUIRE(host.started.size() == 1);
  CHECK(host.started[0].executed_in == family.child);
  host.end_call(host.started[0].id, ok());
  host.settle();

  REQUIRE(host.started.size() == 2);
  CHECK(host.started[1].id.job == family.parent);
}

TEST_CASE("W3 J5: a compensation whose undo somebody else forestalled goes on at once",
          "[runtime]") {
  Family family;
  TurnByTurn& host = family.host;
  const auto asked = host.ask(family.child, {.kind = Verb::Kind::undo, .request_id = "r"});
  const auto before = std::get<std::shared_ptr<const DerivedJob>>(family.checked());
  host.settle();
  REQUIRE(host.verdict(asked) == "accepted");
  REQUIRE(host.started.size() == 1);
  CHECK(host.started[0].executed_in == family.child);

  Outcome outcome{.kind = OutcomeKind::suspended, .wait = Wait{.children = ChildWait{}}};
  outcome.spawns.push_back({.key = name_of_undo("it"), .undo = before});
  host.end_call(family.compensation.id, outcome);
  host.settle();

  REQUIRE(host.started.size() == 2);
  CHECK(host.started[1].id.job == family.parent);
  CHECK(host.started[1].phase == Phase::compensate);
  CHECK(family.state_of_undo() == "open");
  CHECK(std::holds_alternative<plugin::UndoneAlready>(family.checked()));
}

TEST_CASE("W3 J5: an undo that could not be made is refused the next time with the remedy",
          "[runtime]") {
  Family family({saga("a"), plain("b")});
  TurnByTurn& host = family.host;
  const auto before = std::get<std::shared_ptr<const DerivedJob>>(family.checked());
  const auto rerun =
      host.ask(family.child, {.kind = Verb::Kind::rerun, .step = "b", .request_id = "r"});
  host.settle();
  REQUIRE(host.verdict(rerun) == "accepted");

  Outcome outcome{.kind = OutcomeKind::suspended, .wait = Wait{.children = ChildWait{}}};
  outcome.spawns.push_back({.key = name_of_undo("it"), .undo = before});
  host.end_call(family.compensation.id, outcome);
  host.settle();

  CHECK(family.state_of_undo() == "none");
  const auto checked = family.checked();
  const auto* refused = std::get_if<std::string>(&checked);
  REQUIRE(refused);
  CHECK(refused->find("stepctl job undo " + to_text(family.child)) != std::string::npos);
}

TEST_CASE("W3: what has nothing to undo needs no undo", "[runtime]") {
  Family family({plain("b")});
  CHECK(std::holds_alternative<plugin::NothingToUndo>(family.checked()));
  CHECK(family.state_of_undo() == "none");
  const auto unknown = runtime::check_undo(family.host.reader(), family.compensation, "other");
  CHECK(std::holds_alternative<plugin::NothingToUndo>(unknown));
}

TEST_CASE("W3: a job that has been removed cannot be undone any more", "[runtime]") {
  Family family;
  family.host.end_call(family.compensation.id, ok());
  family.host.settle();
  family.host.ask(family.child, {.kind = Verb::Kind::remove});
  family.host.settle();

  const auto checked = family.checked();

  const auto* refused = std::get_if<std::string>(&checked);
  REQUIRE(refused);
  CHECK(refused->find("has been removed") != std::string::npos);
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

TEST_CASE("A1 W3: the late result of a subtask that has been redone is dropped", "[runtime]") {
  TurnByTurn host({plain("a")});
  const JobId task = host.submit();
  Outcome waits{.kind = OutcomeKind::suspended,
                .wait = Wait{.children = ChildWait{ChildWait::Until::another_settled, 0}}};
  host.end_call(host.started[0].id, starting(waits, 1));
  host.settle();
  REQUIRE(host.started.size() == 2);
  const CallRequest first = host.started[1];

  SECTION("its host has lost the job to another one") {
    host.end_call(first.id, ok("\"first\""));
    CHECK(host.commit_overtaken() == stepd::storage::StoreError::Kind::fenced);
  }
  SECTION("its host hears of it when it runs again") {
    host.restart();
    host.pass(2s);
    host.end_call(first.id, ok("\"first\""));
    host.settle();
  }
  SECTION("its host hears of it once the other result is there") {
    host.restart();
    host.pass(2s);
  }
  host.pass(2s);
  REQUIRE(host.started.size() == 3);
  const CallRequest again = host.started[2];
  REQUIRE(again.id.job == first.id.job);
  CHECK(again.outcome_unknown);
  CHECK(again.attempt == 2);
  host.end_call(again.id, ok("\"again\""));
  host.end_call(first.id, ok("\"first\""));
  host.settle();

  const auto told = host.reader().settled_children(task, 0, 0, 10);
  REQUIRE(told.size() == 1);
  CHECK(told[0].outcome->output.view() == "\"again\"");
  CHECK(host.reader().settled_children(task, 0, told[0].number, 10).empty());
  REQUIRE(host.started.size() == 4);
  CHECK(host.started[3].id.job == task);
  host.end_call(host.started[3].id, ok());
  host.settle();
  CHECK(settled(host, task) == "succeeded");
}
