#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "tests/support/course.hpp"

using namespace stepd::testing;

namespace {

const std::string table_file = std::string(STEPD_SOURCE_FOLDER) + "/tests/engine/step_matrix.txt";

/// A way to a state of one step of z, a, b: saga, saga with two attempts, plain.
struct State {
  std::string name;
  std::string step;
  std::function<void(Course&)> way;
  bool probe = false;  // a offers one
};
struct Happening {
  std::string name;
  std::function<void(Course&, const std::string&)> event;
};

Verb verb(Verb::Kind kind, const std::string& step) {
  return {.kind = kind, .step = step, .reason = "because", .output = JsonText("{}")};
}

std::vector<State> states() {
  const auto forward = [](const std::string& name, std::function<void(Course&)> way) {
    return State{name, "a", [way](Course& c) {
                   c.run("z");
                   way(c);
                 }};
  };
  const auto backward = [](const std::string& name, std::function<void(Course&)> way) {
    return State{name, "a", [way](Course& c) {
                   c.run("z").run("a").run("b", ends(OutcomeKind::refused));
                   way(c);
                 }};
  };
  const auto asked = [](const std::string& name, std::function<void(Course&)> way) {
    return State{name, "a",
                 [way](Course& c) {
                   c.run("z").run("a", ends(OutcomeKind::effect_unknown)).wake("a");
                   way(c);
                 },
                 true};
  };
  return {
      {"pending", "b", [](Course& c) { c.run("z"); }},
      forward("ready", [](Course&) {}),
      forward("running", [](Course& c) { c.call("a"); }),
      forward("stopping, timed out", [](Course& c) { c.call("a").overrun("a"); }),
      forward("stopping, abandon",
              [](Course& c) { c.call("a").verb(verb(Verb::Kind::abandon, "a")); }),
      forward("stopping, cancel",
              [](Course& c) { c.call("a").verb(verb(Verb::Kind::cancel, "")); }),
      forward("stopping, turned back", [](Course& c) { c.call("a").deadline(); }),
      forward("stopping, shutdown", [](Course& c) { c.call("a").take(HostEnding{}); }),
      forward("retrying", [](Course& c) { c.run("a", ends(OutcomeKind::retry)); }),
      forward("suspended", [](Course& c) { c.run("a", sleeps(5s)); }),
      forward("parked", [](Course& c) { c.run("a", ends(OutcomeKind::bad_answer)); }),
      forward("succeeded", [](Course& c) { c.run("a"); }),
      forward("skipped", [](Course& c) { c.verb(verb(Verb::Kind::skip, "a")); }),
      forward("abandoned", [](Course& c) { c.run("a", ends(OutcomeKind::refused)); }),
      {"never", "b", [](Course& c) { c.run("z").run("a", ends(OutcomeKind::refused)); }},
      asked("ready to probe", [](Course&) {}),
      asked("probing", [](Course& c) { c.call("a"); }),
      asked("parked, in doubt",
            [](Course& c) {
              c.run("a", ends(OutcomeKind::effect_unknown)).wake("a");
              c.run("a", ends(OutcomeKind::effect_unknown));
            }),
      backward("ready to compensate", [](Course&) {}),
      backward("compensating", [](Course& c) { c.call("a"); }),
      backward("compensating, timed out", [](Course& c) { c.call("a").overrun("a"); }),
      backward("compensating, abandon",
               [](Course& c) { c.call("a").verb(verb(Verb::Kind::abandon, "a")); }),
      backward("compensating, shutdown", [](Course& c) { c.call("a").take(HostEnding{}); }),
      backward("retrying to compensate", [](Course& c) { c.run("a", ends(OutcomeKind::retry)); }),
      backward("suspended in compensate", [](Course& c) { c.run("a", sleeps(5s)); }),
      backward("parked in compensate", [](Course& c) { c.run("a", ends(OutcomeKind::failed)); }),
      backward("compensated", [](Course& c) { c.run("a"); }),
      backward("left", [](Course& c) { c.verb(verb(Verb::Kind::skip, "a")); }),
  };
}

std::vector<Happening> happenings() {
  std::vector<Happening> all;
  for (const OutcomeKind kind :
       {OutcomeKind::succeeded, OutcomeKind::retry, OutcomeKind::refused, OutcomeKind::failed,
        OutcomeKind::suspended, OutcomeKind::effect_unknown, OutcomeKind::timed_out,
        OutcomeKind::crashed, OutcomeKind::lost, OutcomeKind::cancelled, OutcomeKind::no_effect,
        OutcomeKind::bad_answer, OutcomeKind::not_started, OutcomeKind::interrupted}) {
    all.push_back(
        {"reports " + std::string(name_of(kind)), [kind](Course& c, const std::string& step) {
           c.end(step, kind == OutcomeKind::succeeded   ? ok()
                       : kind == OutcomeKind::suspended ? sleeps(5s)
                                                        : ends(kind));
         }});
  }
  all.push_back({"overruns", [](Course& c, const std::string& step) { c.overrun(step); }});
  all.push_back({"its time comes", [](Course& c, const std::string& step) { c.wake(step); }});
  all.push_back({"the deadline passes", [](Course& c, const std::string&) { c.deadline(); }});
  all.push_back({"the host ends", [](Course& c, const std::string&) { c.take(HostEnding{}); }});
  all.push_back({"the host is gone", [](Course& c, const std::string&) { c.take(HostGone{}); }});
  all.push_back(
      {"its record is refused", [](Course& c, const std::string&) { c.take(RecordRefused{}); }});
  for (const Verb::Kind kind :
       {Verb::Kind::cancel, Verb::Kind::retry, Verb::Kind::abandon, Verb::Kind::skip,
        Verb::Kind::rerun, Verb::Kind::undo, Verb::Kind::priority}) {
    all.push_back({"verb " + std::string(name_of(kind)),
                   [kind](Course& c, const std::string& step) { c.verb(verb(kind, step)); }});
  }
  for (const auto& [name, truth] : {std::pair{"done", Verb::Truth::done},
                                    {"none", Verb::Truth::none},
                                    {"undone", Verb::Truth::undone}}) {
    all.push_back(
        {std::string("verb resolve ") + name, [truth = truth](Course& c, const std::string& step) {
           Verb asked = verb(Verb::Kind::resolve, step);
           asked.truth = truth;
           c.verb(asked);
         }});
  }
  return all;
}

std::string way_of(const JobState& job) {
  if (job.settled) return "settled: " + std::string(name_of(*job.settled));
  return job.backward ? "back" : "on";
}

/// With one word for all reports where there is nothing to tell them apart.
std::string list_of(const std::vector<std::string>& names) {
  constexpr std::string_view report = "reports ";
  const auto is_report = [&](const std::string& name) { return name.starts_with(report); };
  const bool all_reports = std::ranges::count_if(names, is_report) == 14;
  std::string list = all_reports ? "any report" : "";
  for (const std::string& name : names) {
    if (all_reports && is_report(name)) continue;
    list += (list.empty() ? "" : ", ") + name;
  }
  return list;
}

std::string table() {
  std::ostringstream text;
  text << "# Each state of a step and what each event makes of it: condition (phase), effect,\n"
          "# charged attempts; then whether the job goes on or back, or how it settled.\n"
          "# The job: z (saga), a (saga, two attempts), b (plain). Checked by "
          "step_matrix_test.cpp,\n"
          "# which leaves what it found beside the test's program when it differs.\n";
  for (const State& state : states()) {
    const auto there = [&state] {
      StepSketch a = saga("a", 2);
      a.probe = state.probe;
      Course course({saga("z"), a, plain("b")});
      state.way(course);
      return course;
    };
    text << "\n"
         << state.name << ": " << there().step(state.step) << "; " << way_of(there().job) << "\n";
    std::vector<std::string> refused;
    std::vector<std::string> ignored;
    for (const Happening& each : happenings()) {
      Course course = there();
      const JobState before = course.job;
      each.event(course, state.step);
      CHECK(course.recovered() == course.job);
      const std::string answer = course.answer();
      if (answer == "done") {
        text << "  " << each.name << " -> " << course.step(state.step) << "; " << way_of(course.job)
             << "\n";
        continue;
      }
      CHECK(course.job == before);
      (answer == "ignored" ? ignored : refused).push_back(each.name);
    }
    if (!refused.empty()) text << "  refused: " << list_of(refused) << "\n";
    if (!ignored.empty()) text << "  ignored: " << list_of(ignored) << "\n";
  }
  return text.str();
}

std::string content_of(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

TEST_CASE("A2 A3 A4 A8 C1 C2 C3 C5 C6 O1: every state and every event are as the table says",
          "[engine]") {
  const std::string found = table();
  const std::string expected = content_of(table_file);
  if (found != expected) std::ofstream("step_matrix.found.txt") << found;
  CHECK(found == expected);
}
