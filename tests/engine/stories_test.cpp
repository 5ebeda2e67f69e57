#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "host/engine/why.hpp"
#include "tests/support/course.hpp"

using namespace stepd::testing;

/// Whole stories, as the journal tells them and as `why` explains them on the way.
namespace {

const std::string stories_file = std::string(STEPD_SOURCE_FOLDER) + "/tests/engine/stories.txt";

struct Told {
  const JobDefinition& job;

  [[nodiscard]] std::string step(StepIndex index) const { return job.steps[index].id; }
  static std::string phase(Phase phase) {
    return phase == Phase::execute ? "" : " (" + std::string(name_of(phase)) + ")";
  }
  static std::string cause(const Cause& cause) {
    return std::string(name_of(cause.kind)) + ": " + cause.error.code;
  }

  std::string operator()(const Submitted&) const { return "submitted"; }
  std::string operator()(const SnapshotCompleted& entry) const {
    return step(entry.step) + ": its type has arrived";
  }
  std::string operator()(const ArgumentsResolved& entry) const {
    return step(entry.step) + ": arguments " + std::string(entry.args.view());
  }
  std::string operator()(const CallStarted& entry) const {
    return step(entry.step) + phase(entry.phase) + ": call " + std::to_string(entry.call) +
           " begins, attempt " + std::to_string(entry.attempt);
  }
  std::string operator()(const CallEnded& entry) const {
    return step(entry.step) + ": call " + std::to_string(entry.call) + " ends, " +
           std::string(name_of(entry.outcome));
  }
  std::string operator()(const StepMoved& entry) const {
    return step(entry.step) + phase(entry.phase) + ": " + std::string(name_of(entry.to)) +
           ", effect " + std::string(name_of(entry.effect)) + ", " +
           std::to_string(entry.attempts) + " charged";
  }
  std::string operator()(const AttentionRaised& entry) const {
    return step(entry.step) + ": attention";
  }
  std::string operator()(const TurnedBack& entry) const {
    return "turns back, " + cause(entry.cause);
  }
  std::string operator()(const CancelNoted& entry) const {
    return "is to turn back, " + cause(entry.cause);
  }
  std::string operator()(const DeadlinePassed&) const { return "the deadline passes"; }
  std::string operator()(const Paused&) const { return "paused"; }
  std::string operator()(const Resumed&) const { return "resumed"; }
  std::string operator()(const OperatorActed& entry) const {
    return entry.actor + " (" + entry.request_id + "): " + entry.verb + ", " + entry.reason;
  }
  std::string operator()(const PriorityChanged& entry) const {
    return "priority " + std::to_string(entry.priority);
  }
  std::string operator()(const BuildBound& entry) const {
    return step(entry.step) + (entry.module == ModuleHash{}
                                   ? " goes by the job's pin"
                                   : " is undone by build " + std::to_string(entry.module.value));
  }
  std::string operator()(const Settled& entry) const {
    return "settled: " + std::string(name_of(entry.state));
  }
  std::string operator()(const ChildrenSpawned& entry) const {
    return step(entry.step) + " starts " + std::to_string(entry.count) + " jobs";
  }
  std::string operator()(const ChildrenSettled& entry) const {
    return step(entry.step) + ": " + std::to_string(entry.settled) + " of " +
           std::to_string(entry.spawned) + " jobs have settled, " +
           std::to_string(entry.unsuccessful) + " without success";
  }
  std::string operator()(const WaitEnded& entry) const {
    const auto& [phase, key, event] = entry.as;
    return step(entry.step) + "'s wait for " + key + " is over: " +
           (event ? "event " + event->id + " " + event->data.text() : "its time was up");
  }
};

Verb asked(Verb::Kind kind, std::string step = "") {
  return {.kind = kind,
          .step = std::move(step),
          .reason = "because",
          .request_id = "r1",
          .actor = "alice",
          .output = JsonText("{}")};
}

class Teller {
 public:
  void tell(const std::string& title, const std::vector<StepSketch>& sketches,
            const std::function<void(Course&)>& story) {
    tell(title, Course(sketches), story);
  }
  void tell(const std::string& title, Course course, const std::function<void(Course&)>& story) {
    text_ << "\n" << title << "\n";
    told_ = 0;
    story(course);
    journal(course);
    CHECK(course.recovered() == course.job);
  }

  /// What `why` says at this moment.
  void ask(const Course& course) {
    journal(course);
    for (const Reason& reason : why(course.job, course.catalogue)) {
      text_ << "      why: " << reason.step << (reason.step.empty() ? "" : " ") << reason.code
            << ": " << reason.message << "\n";
    }
  }

  [[nodiscard]] std::string text() const { return text_.str(); }

 private:
  void journal(const Course& course) {
    for (; told_ < course.rows.size(); ++told_) {
      const JournalRow& row = course.rows[told_];
      std::string number = std::to_string(row.number);
      for (const Entry& entry : row.entries) {
        text_ << "  " << std::string(3 - std::min<std::size_t>(3, number.size()), ' ') << number
              << " " << std::visit(Told{*course.job.definition}, entry) << "\n";
        number.clear();
      }
    }
  }

  std::ostringstream text_;
  std::size_t told_ = 0;
};

StepSketch reader() { return {.id = "b", .args = R"({"n":{"$ref":"/steps/a/output/n"}})"}; }

void tell_of_success_and_failure(Teller& teller) {
  teller.tell("three steps succeed, one reading the output of another",
              {plain("a"), reader(), plain("c")},
              [](Course& c) { c.run("a", ok(R"({"n":1})")).run("b").run("c"); });
  teller.tell("a retried step succeeds", {plain("a")}, [&](Course& c) {
    c.run("a", ends(OutcomeKind::retry));
    teller.ask(c);
    c.wake("a").call("a");
    teller.ask(c);
    c.end("a", ok());
    teller.ask(c);
  });
  teller.tell("the host dies amid a call, and the next one goes on", {saga("a", 3)},
              [](Course& c) { c.call("a").lose_host().wake("a").run("a"); });
  teller.tell("a refusal undoes what came before in reverse order",
              {saga("a"), saga("b"), plain("c")}, [&](Course& c) {
                c.run("a").run("b").run("c", ends(OutcomeKind::refused));
                teller.ask(c);
                c.run("b").run("a");
              });
  teller.tell("a time-out, then a refusal: the effect stays possible and is undone", {saga("a", 3)},
              [](Course& c) {
                c.call("a").overrun("a").end("a", ends(OutcomeKind::cancelled)).wake("a");
                c.run("a", ends(OutcomeKind::refused)).run("a");
              });
  teller.tell("attempts are used up", {saga("z"), saga("a", 2)}, [](Course& c) {
    c.run("z").run("a", ends(OutcomeKind::retry)).wake("a").run("a", ends(OutcomeKind::retry));
    c.run("a").run("z");
  });
}

void tell_of_operators_and_hosts(Teller& teller) {
  teller.tell("an operator cancels amid a call; its late success is undone",
              {saga("a"), plain("b")}, [&](Course& c) {
                c.call("a").verb(asked(Verb::Kind::cancel));
                teller.ask(c);
                c.end("a", ok()).run("a");
              });
  teller.tell("arguments that cannot be resolved: no call, no effect", {saga("a"), reader()},
              [](Course& c) { c.run("a", ok(R"({"m":1})")).call("b").run("a"); });
  teller.tell("three crashes park a step, and an operator abandons it", {saga("z"), plain("a")},
              [&](Course& c) {
                c.run("z");
                for (int crash = 1; crash < 3; ++crash) {
                  c.run("a", ends(OutcomeKind::crashed)).wake("a");
                }
                c.run("a", ends(OutcomeKind::crashed));
                teller.ask(c);
                c.verb(asked(Verb::Kind::abandon, "a")).run("z");
              });
  teller.tell("a compensation is given up and its effect left", {saga("a"), plain("b")},
              [&](Course& c) {
                c.run("a").run("b", ends(OutcomeKind::failed)).run("a", ends(OutcomeKind::failed));
                teller.ask(c);
                c.verb(asked(Verb::Kind::skip, "a"));
              });
  teller.tell("a step suspends itself, and the host ends in good order amid its next call",
              {plain("a")}, [&](Course& c) {
                c.run("a", sleeps(5s));
                teller.ask(c);
                c.wake("a").call("a").take(HostEnding{}).end("a", ends(OutcomeKind::cancelled));
                c.run("a");
              });
  teller.tell("an unknown type arrives", {plain("a"), {.id = "b", .known = false}}, [&](Course& c) {
    const Catalogue complete = c.catalogue;
    c.catalogue.types.erase("type.b");
    c.run("a");
    teller.ask(c);
    c.catalogue = complete;
    c.verb(asked(Verb::Kind::pause));
    teller.ask(c);
    Verb resume = asked(Verb::Kind::resume);
    resume.request_id = "r2";
    c.verb(resume).run("b");
  });
  teller.tell("a person is waited for, and approves just in time", {plain("a"), plain("b")},
              [&](Course& c) {
                c.run("a", awaits("approval", 72h));
                teller.ask(c);
                const EventArrived arrived{
                    {0, 1, {{1}, "e-1", "approval", JsonText(R"({"by":"ann"})"), noon}}};
                c.take(arrived).run("a").run("b");
              });
  teller.tell("the deadline passes while a step waits", {saga("a"), plain("b")},
              [](Course& c) { c.run("a").run("b", ends(OutcomeKind::retry)).deadline().run("a"); });
  teller.tell("an operator states that a parked step has taken effect", {plain("a"), plain("b")},
              [](Course& c) {
                c.run("a", ends(OutcomeKind::bad_answer));
                c.verb(asked(Verb::Kind::resolve, "a")).run("b");
              });
}

/// The job that the verb makes of one that has settled.
Course made_by(const Course& origin, Verb::Kind kind, const std::string& from = "") {
  return {origin, std::get<DerivedJob>(derive(origin.job, asked(kind, from)))};
}

void tell_of_jobs_made_from_others(Teller& teller) {
  Course refused({saga("a"), plain("x"), reader(), saga("c"), plain("d")});
  refused.run("a", ok(R"({"n":1})")).run("x").run("b").run("c").run("d", ends(OutcomeKind::failed));
  refused.run("c").run("a");
  Course done({saga("a"), reader(), saga("c"), {.id = "d", .after = {{0}}}});
  done.run("a", ok(R"({"n":1})")).run("d").run("b").run("c", ok(R"({"receipt":"R-1"})"));

  teller.tell("a rerun of the whole job begins anew", made_by(refused, Verb::Kind::rerun),
              [](Course& c) { c.run("a", ok(R"({"n":2})")).run("x").run("b").run("c").run("d"); });
  teller.tell("a rerun from a step keeps the others, and never undoes them",
              made_by(done, Verb::Kind::rerun, "b"), [&](Course& c) {
                teller.ask(c);
                c.run("b").run("c", ends(OutcomeKind::refused));
              });
  teller.tell("an undo goes back over what succeeded, in reverse order",
              made_by(done, Verb::Kind::undo), [&](Course& c) {
                teller.ask(c);
                c.run("c", ends(OutcomeKind::retry));
                c.wake("c").run("c").run("a");
                teller.ask(c);
              });
}

std::string all_stories() {
  Teller teller;
  tell_of_success_and_failure(teller);
  tell_of_operators_and_hosts(teller);
  tell_of_jobs_made_from_others(teller);
  return "# Each line a journal entry, under the number of its row. Checked by stories_test.cpp,\n"
         "# which leaves what it found beside the test's program when it differs.\n" +
         teller.text();
}

}  // namespace

TEST_CASE(
    "J4 J5 J7 A2 A4 A5 A7 C1 C2 C3 C5 C6 O1 O2 W2: whole stories are as they stand in the file",
    "[engine]") {
  const std::string found = all_stories();
  std::ifstream in(stories_file);
  const std::string expected{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (found != expected) std::ofstream("stories.found.txt") << found;
  CHECK(found == expected);
}
