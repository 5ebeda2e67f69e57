#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "host/engine/codec.hpp"
#include "host/engine/derived_job.hpp"
#include "host/engine/job_machine.hpp"
#include "host/engine/names.hpp"

/// Drives the rules of one job by hand: no engine, no store, no clock but `now`.
namespace stepd::testing {

using namespace stepd::engine;
using namespace std::chrono_literals;

inline constexpr TimePoint noon{std::chrono::hours(12)};

struct StepSketch {
  std::string id;
  StepKind kind = StepKind::plain;
  std::uint32_t attempts_max = 0;
  std::uint32_t compensate_attempts_max = 0;
  bool probe = false;
  bool pivot = false;
  bool not_repeatable = false;
  bool known = true;  // its type is loaded when the job is accepted
  std::string args = "{}";
  std::optional<std::vector<StepIndex>> after{};  // absent: the step before it
};

inline StepSketch plain(std::string id) { return {.id = std::move(id)}; }
inline StepSketch saga(std::string id, std::uint32_t attempts_max = 2) {
  return {.id = std::move(id), .kind = StepKind::saga, .attempts_max = attempts_max};
}

inline RetryPolicy steady_policy(std::uint32_t attempts_max) {
  return {.attempts_max = attempts_max, .initial = 1s, .max = 1s, .multiplier = 1, .jitter = 0};
}

inline StepTypeSnapshot snapshot_of_sketch(const StepSketch& sketch) {
  return {.kind = sketch.kind,
          .offers_probe = sketch.probe,
          .not_repeatable = sketch.not_repeatable,
          .retry = steady_policy(sketch.attempts_max),
          .compensate_retry = steady_policy(sketch.compensate_attempts_max)};
}

inline std::shared_ptr<const JobDefinition> job_of(const std::vector<StepSketch>& sketches) {
  auto job = std::make_shared<JobDefinition>();
  job->name = "job";
  job->args = JsonText("{}");
  for (StepIndex index = 0; index < sketches.size(); ++index) {
    const StepSketch& sketch = sketches[index];
    StepDefinition step{
        .id = sketch.id, .type = "type." + sketch.id, .args = JsonText(sketch.args)};
    step.args_have_references = sketch.args.find("$ref") != std::string::npos;
    if (sketch.after) {
      step.after = *sketch.after;
    } else if (index > 0) {
      step.after = {index - 1};
    }
    step.pivot = sketch.pivot;
    if (sketch.known) step.snapshot = snapshot_of_sketch(sketch);
    job->steps.push_back(std::move(step));
  }
  return job;
}

inline Catalogue catalogue_of(const std::vector<StepSketch>& sketches) {
  Catalogue catalogue;
  for (const StepSketch& sketch : sketches) {
    StepType type{.name = "type." + sketch.id,
                  .kind = sketch.kind,
                  .offers_probe = sketch.probe,
                  .not_repeatable = sketch.not_repeatable,
                  .plugin = "test 1",
                  .module = {1}};
    type.retry.attempts_max = sketch.attempts_max;
    catalogue.types.emplace(type.name, std::move(type));
  }
  return catalogue;
}

inline Outcome ok(std::string output = "{}") {
  return {.kind = OutcomeKind::succeeded, .output = JsonText(std::move(output))};
}
inline Outcome ends(OutcomeKind kind) {
  return {.kind = kind, .error = {std::string(name_of(kind)), "as the test says", {}}};
}
inline Outcome sleeps(Duration span) {
  return {.kind = OutcomeKind::suspended, .wait = Wait{.due = Due{noon + span, span}}};
}
/// Without a span: for as long as it takes.
inline Outcome awaits(std::string key, std::optional<Duration> span = {}) {
  Wait wait{.key = std::move(key), .takes_event = true};
  if (span) wait.due = Due{noon + *span, *span};
  return {.kind = OutcomeKind::suspended, .wait = std::move(wait)};
}

class Course {
 public:
  explicit Course(std::vector<StepSketch> sketches)
      : catalogue(catalogue_of(sketches)), job(fresh({4711}, job_of(sketches))) {
    write({Submitted{}});
  }

  /// The job that a rerun or an undo of `origin` makes.
  Course(const Course& origin, DerivedJob made)
      : catalogue(origin.catalogue),
        job(fresh({origin.job.id.value + 1},
                  std::make_shared<const JobDefinition>(std::move(made.definition)))) {
    write(std::move(made.first_row));
  }

  /// The step as one line: condition, effect and charged attempts of its phase.
  [[nodiscard]] std::string step(const std::string& id) const {
    const StepState& state = job.steps[at(id)];
    std::string text(name_of(state.condition));
    if (state.phase != Phase::execute) text += " (" + std::string(name_of(state.phase)) + ")";
    return text + ", " + std::string(name_of(state.effect)) + ", " + std::to_string(state.attempts);
  }

  [[nodiscard]] const StepState& state(const std::string& id) const { return job.steps[at(id)]; }

  [[nodiscard]] std::string settled() const {
    return job.settled ? std::string(name_of(*job.settled)) : "no";
  }

  /// Starts the step's next call.
  Course& call(const std::string& id) {
    if (!std::holds_alternative<Ready>(job.steps[at(id)].condition)) {
      throw std::logic_error("step " + id + " is not ready but " + step(id));
    }
    write(start(job, at(id), rules()));
    return *this;
  }

  Course& end(const std::string& id, const Outcome& outcome) {
    return end_call(job.steps[at(id)].last_call, outcome);
  }
  Course& end_call(std::uint64_t call, const Outcome& outcome) {
    return take_up(engine::end_call(job, call, outcome, rules()));
  }

  Course& run(const std::string& id, const Outcome& outcome = ok()) {
    return call(id).end(id, outcome);
  }

  Course& overrun(const std::string& id) { return take(CallTooLong{job.steps[at(id)].last_call}); }
  Course& wake(const std::string& id) { return take(TimePassed{{at(id)}, false}); }
  Course& deadline() { return take(TimePassed{{}, true}); }
  Course& lose_host() {
    while (std::holds_alternative<Entries>(last_)) take(HostGone{});
    last_ = Entries{};
    return *this;
  }
  Course& verb(Verb verb) { return take(std::move(verb)); }

  Course& take(const JobEvent& event) { return take_up(decide(job, event, rules())); }
  Course& take_up(Decision decision) {
    last_ = std::move(decision);
    if (const auto* entries = std::get_if<Entries>(&last_)) write(*entries);
    return *this;
  }

  /// What the last event was answered: "done", "ignored" or the refusal.
  [[nodiscard]] std::string answer() const {
    if (const auto* refused = std::get_if<Refused>(&last_)) return refused->message;
    return std::holds_alternative<Entries>(last_) ? "done" : "ignored";
  }

  [[nodiscard]] StepIndex at(const std::string& id) const {
    const auto found = find_step(*job.definition, id);
    if (!found) throw std::logic_error("no step " + id);
    return *found;
  }

  /// The same job as recovery would build it from its encoded journal.
  [[nodiscard]] JobState recovered() const {
    LoadedJob loaded{.id = job.id, .definition = encode(*job.definition)};
    for (const JournalRow& row : rows) {
      loaded.rows.push_back({row.number, row.at, encode(row.entries)});
    }
    JobState state = fold(loaded);
    state.definition = job.definition;
    return state;
  }

  Catalogue catalogue;
  PolicyDefaults defaults;
  TimePoint now = noon;
  JobState job;
  std::vector<JournalRow> rows;

 private:
  [[nodiscard]] Rulebook rules() const { return {now, catalogue, defaults}; }

  void write(Entries entries) {
    while (!entries.empty()) {
      JournalRow row{job.rows + 1, now, std::move(entries)};
      apply(job, row);
      rows.push_back(std::move(row));
      entries = follow(job, rules());
    }
  }

  Decision last_ = Entries{};
};

}  // namespace stepd::testing
