#include <catch2/catch.hpp>
#include <deque>
#include <unordered_set>

#include "host/engine/why.hpp"
#include "tests/support/course.hpp"

/// Every state a small job can get into, by every event that can happen in it, on the real rules.
/// Time stands still and call numbers are left out of a state's identity, so there are finitely
/// many.
using namespace stepd::testing;

namespace {

bool is_in_call(const StepState& step) {
  return std::holds_alternative<Running>(step.condition) ||
         std::holds_alternative<Stopping>(step.condition);
}
bool is_done(const StepState& step) {
  return std::holds_alternative<Succeeded>(step.condition) ||
         std::holds_alternative<Skipped>(step.condition);
}

/// The step is compensated, left, or needs nothing; said without `progress`.
bool is_undone(const JobState& job, StepIndex step) {
  const StepCondition& condition = job.steps[step].condition;
  if (std::holds_alternative<Compensated>(condition) || std::holds_alternative<Left>(condition)) {
    return true;
  }
  const bool at_end = is_done(job.steps[step]) || std::holds_alternative<Abandoned>(condition) ||
                      std::holds_alternative<Never>(condition);
  return at_end && !needs_compensation(job, step);
}

std::vector<StepIndex> successors_of(const JobState& job, StepIndex step) {
  std::vector<StepIndex> successors;
  for (StepIndex other = 0; other < job.steps.size(); ++other) {
    const auto& after = job.definition->steps[other].after;
    if (std::ranges::find(after, step) != after.end()) successors.push_back(other);
  }
  return successors;
}

bool are_all_back(const JobState& job, StepIndex step) {
  return std::ranges::all_of(successors_of(job, step), [&](StepIndex later) {
    return is_undone(job, later) && are_all_back(job, later);
  });
}

/// Attempts count only towards an end of the policy.
std::uint32_t counted(std::uint32_t attempts, const RetryPolicy& policy) {
  return policy.ends() ? std::min(attempts, policy.attempts_max) : 0;
}

/// What tells two states apart as far as any rule is concerned.
std::string identity(const JobState& job) {
  std::string text;
  const auto put = [&text](auto number) { text.push_back(static_cast<char>('0' + number)); };
  for (const bool flag : {job.backward, job.past_pivot, job.paused, job.deadline_passed,
                          job.cancel_wanted.has_value(), job.settled.has_value()}) {
    put(flag);
  }
  put(job.cause ? static_cast<int>(job.cause->kind) + 1 : 0);
  for (StepIndex index = 0; index < job.steps.size(); ++index) {
    const StepState& step = job.steps[index];
    const StepTypeSnapshot& type = *snapshot(job, index);
    put(static_cast<int>(step.phase));
    put(static_cast<int>(step.effect));
    put(static_cast<int>(step.condition.index()));
    if (const auto* stopping = std::get_if<Stopping>(&step.condition)) {
      put(static_cast<int>(stopping->cause));
    }
    put(counted(step.attempts, policy_of(type, step.phase)));
    if (type.offers_probe) {
      put(step.resuming);
      for (const PhaseCounts& counts : step.earlier) put(counted(counts.attempts, type.retry));
    }
    put(step.crashes_in_row);
    put(step.last_call != 0);
  }
  return text;
}

class Exploration {
 public:
  /// Crashes of calls multiply the states, so only the smallest jobs have them.
  Exploration(const std::vector<StepSketch>& sketches, bool with_crashes)
      : with_crashes_(with_crashes),
        catalogue_(catalogue_of(sketches)),
        first_(fresh({4711}, job_of(sketches))) {
    advance(first_, {Submitted{}});
  }

  std::size_t run() {
    visit(first_);
    while (!open_.empty()) {
      const JobState job = std::move(open_.front());
      open_.pop_front();
      require_sound(job);
      for (const StepIndex step : job.progress.active) try_step(job, step);
      try_event(job, TimePassed{{}, true});
      try_event(job, HostEnding{});
      try_event(job, HostGone{});
      try_event(job, Verb{.kind = Verb::Kind::cancel});
      for (StepIndex step = 0; step < job.steps.size(); ++step) try_verbs(job, step);
    }
    return seen_.size();
  }

 private:
  void try_step(const JobState& job, StepIndex step) {
    const StepState& state = job.steps[step];
    if (is_in_call(state)) {
      for (const OutcomeKind kind :
           {OutcomeKind::succeeded, OutcomeKind::retry, OutcomeKind::refused, OutcomeKind::failed,
            OutcomeKind::suspended, OutcomeKind::effect_unknown, OutcomeKind::crashed,
            OutcomeKind::lost, OutcomeKind::cancelled, OutcomeKind::no_effect,
            OutcomeKind::bad_answer, OutcomeKind::not_started, OutcomeKind::interrupted}) {
        if (kind == OutcomeKind::crashed && !with_crashes_) continue;
        const Outcome outcome = kind == OutcomeKind::suspended ? sleeps(5s) : ends(kind);
        try_decision(job, end_call(job, state.last_call, outcome, rules()));
      }
      try_event(job, CallTooLong{state.last_call, false});
      try_decision(job, end_call(job, state.last_call + 7, ok(), rules()));
    }
    try_event(job, TimePassed{{step}, false});
    const bool can_start = std::holds_alternative<Ready>(state.condition) &&
                           obstacle(job, step, catalogue_) == Obstacle::none;
    if (!can_start) return;
    require_may_start(job, step);
    JobState next = job;
    advance(next, start(job, step, rules()));
    visit(std::move(next));
  }

  void try_verbs(const JobState& job, StepIndex step) {
    Verb verb{.step = job.definition->steps[step].id, .reason = "r", .output = JsonText("{}")};
    for (const Verb::Kind kind :
         {Verb::Kind::retry, Verb::Kind::abandon, Verb::Kind::skip, Verb::Kind::resolve}) {
      verb.kind = kind;
      for (const Verb::Truth truth : {Verb::Truth::done, Verb::Truth::none, Verb::Truth::undone}) {
        verb.truth = truth;
        try_event(job, verb);
        if (kind != Verb::Kind::resolve) break;
      }
    }
  }

  void try_event(const JobState& job, const JobEvent& event) {
    try_decision(job, decide(job, event, rules()));
  }

  void try_decision(const JobState& job, const Decision& decision) {
    const auto* entries = std::get_if<Entries>(&decision);
    if (!entries) return;
    if (job.settled) FAIL("J5: an event changes a settled job");
    JobState next = job;
    advance(next, *entries);
    require_lawful(job, next);
    visit(std::move(next));
  }

  void advance(JobState& job, Entries entries) const {
    while (!entries.empty()) {
      apply(job, JournalRow{job.rows + 1, noon, std::move(entries)});
      entries = follow(job, rules());
    }
  }

  void visit(JobState job) {
    if (seen_.insert(identity(job)).second) open_.push_back(std::move(job));
  }

  void require_may_start(const JobState& job, StepIndex step) const {
    if (job.settled) FAIL("J5: a step of a settled job may start");
    if (job.steps[step].phase == Phase::execute) {
      if (job.backward) FAIL("C3: a step may start forward while the job goes backward");
      for (const StepIndex before : job.definition->steps[step].after) {
        if (!is_done(job.steps[before])) FAIL("J4: a step may start before what it comes after");
      }
    }
    if (job.steps[step].phase == Phase::compensate && !are_all_back(job, step)) {
      FAIL("C2: a compensation may start before all after it is undone");
    }
  }

  static void require_lawful(const JobState& before, const JobState& after) {
    if (before.backward && !after.backward) FAIL("C3: a job turns forward again");
    if (before.past_pivot && after.backward) FAIL("C4: a job turns back past its pivot");
    for (StepIndex step = 0; step < before.steps.size(); ++step) {
      const StepState& was = before.steps[step];
      const StepState& is = after.steps[step];
      if (was.phase == Phase::compensate && is.phase != Phase::compensate) {
        FAIL("C3: a step leaves compensation for another phase");
      }
      const bool repeats = is_done(was) && is.phase == Phase::execute && !is_done(is);
      if (repeats) FAIL("A1: a step that succeeded is not left so");
    }
  }

  void require_sound(const JobState& job) const {
    bool all_done = true;
    bool in_call = false;
    for (StepIndex step = 0; step < job.steps.size(); ++step) {
      const bool done = job.backward ? is_undone(job, step) : is_done(job.steps[step]);
      all_done = all_done && done;
      in_call = in_call || is_in_call(job.steps[step]);
      if (job.backward && job.progress.back[step] != (done && are_all_back(job, step))) {
        FAIL("progress.back is wrong");
      }
    }
    if (job.settled.has_value() != (all_done && !in_call)) {
      FAIL("a job settles exactly when all is done and no call is alive");
    }
    if (!job.settled && job.progress.active.empty()) FAIL("O2: an unsettled job has nothing to do");
    for (const Reason& reason : why(job, catalogue_)) {
      if (reason.code.empty() || reason.message.empty()) FAIL("O2: no reason for a state");
    }
  }

  [[nodiscard]] Rulebook rules() const { return {noon, catalogue_, defaults_}; }

  bool with_crashes_;
  Catalogue catalogue_;
  PolicyDefaults defaults_;
  JobState first_;
  std::unordered_set<std::string> seen_;
  std::deque<JobState> open_;
};

StepSketch probed(StepSketch step) {
  step.probe = true;
  return step;
}
StepSketch pivot(StepSketch step) {
  step.pivot = true;
  return step;
}
StepSketch after(StepSketch step, std::vector<StepIndex> steps) {
  step.after = std::move(steps);
  return step;
}

}  // namespace

TEST_CASE("C1 C2 C3 C4: every state a small job can reach is sound", "[engine][exploration]") {
  struct Job {
    std::string name;
    std::vector<StepSketch> steps;
    bool with_crashes = false;
  };
  const auto job = GENERATE(values<Job>({
      {"one saga step", {saga("a", 2)}, true},
      {"a list", {saga("a", 1), saga("b", 2), plain("c")}},
      {"a probe", {probed(saga("a", 2)), plain("b")}, true},
      {"a pivot", {saga("a", 1), pivot(probed(plain("p"))), plain("c")}},
      {"a fork", {saga("a", 1), after(saga("b", 1), {0}), after(saga("c", 1), {0})}},
  }));
  const std::size_t states = Exploration(job.steps, job.with_crashes).run();
  CHECK(states > 50);
  WARN(job.name << ": " << states << " states");
}
