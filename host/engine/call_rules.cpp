#include <algorithm>
#include <string>

#include "host/engine/planted_bug.hpp"
#include "host/engine/rules.hpp"

namespace stepd::engine {
namespace {

/// A step that suspends again at once waits at least this long (W1).
constexpr Duration suspension_min = std::chrono::seconds(1);

/// Of one step: each stays in the journal, and every call is told of all of its phase.
constexpr std::size_t ended_waits_max = 1000;

bool leaves_outcome_open(OutcomeKind kind) {
  return kind == OutcomeKind::effect_unknown || kind == OutcomeKind::timed_out ||
         kind == OutcomeKind::crashed || kind == OutcomeKind::lost ||
         kind == OutcomeKind::interrupted;
}

/// The ways a call that was asked to stop says no more than that it stopped.
bool is_stopped(OutcomeKind kind) {
  return kind == OutcomeKind::retry || kind == OutcomeKind::effect_unknown ||
         kind == OutcomeKind::cancelled || kind == OutcomeKind::suspended;
}

bool is_final(OutcomeKind kind) {
  return kind == OutcomeKind::refused || kind == OutcomeKind::failed;
}

bool makes_no_sense(const Outcome& outcome, Phase phase) {
  if (outcome.kind == OutcomeKind::bad_answer) return true;
  if (outcome.kind == OutcomeKind::suspended) return !outcome.wait;
  return outcome.kind == OutcomeKind::no_effect && phase != Phase::probe;
}

std::string in_words(StopCause cause) {
  switch (cause) {
    case StopCause::timed_out:
      return "its time was up";
    case StopCause::silent:
      return "it gave no sign of life";
    case StopCause::abandon:
      return "the step was given up";
    case StopCause::cancel:
      return "the job was cancelled";
    case StopCause::turned_back:
      return "the job turned back";
    case StopCause::shutdown:
      return "the host ended";
  }
  return {};
}

/// The end of one call, by the step's phase and by whether it was asked to stop.
class CallEnd {
 public:
  CallEnd(const JobState& job, StepIndex step, const Outcome& outcome, const Rulebook& rules)
      : job_(job),
        index_(step),
        step_(job.steps[step]),
        type_(known_snapshot(job, step)),
        outcome_(outcome),
        rules_(rules) {
    if (const auto* stopping = std::get_if<Stopping>(&step_.condition)) cause_ = stopping->cause;
  }

  Entries entries() && {
    entries_.reserve(3);  // hardly ever more
    entries_.push_back(CallEnded{index_, step_.last_call, recorded_kind(), outcome_.output,
                                 outcome_.error, outcome_.used});
    if (starts_children()) {
      entries_.push_back(
          ChildrenSpawned{index_, static_cast<std::uint32_t>(outcome_.spawns.size())});
    }
    if (outcome_.kind == OutcomeKind::succeeded) {
      succeed();
    } else if (step_.phase == Phase::probe && outcome_.kind == OutcomeKind::no_effect) {
      probed_none();
    } else if (cause_) {
      end_stopped(*cause_);
    } else {
      end_unasked();
    }
    return std::move(entries_);
  }

 private:
  [[nodiscard]] OutcomeKind recorded_kind() const {
    const bool overran = cause_ == StopCause::timed_out || cause_ == StopCause::silent;
    return overran && is_stopped(outcome_.kind) ? OutcomeKind::timed_out : outcome_.kind;
  }

  /// Together with an outcome that is no failure; execute not once the job turns back (W3, C3).
  [[nodiscard]] bool starts_children() const {
    const bool goes_on = outcome_.kind == OutcomeKind::succeeded ||
                         (outcome_.kind == OutcomeKind::suspended && !cause_);
    if (!goes_on || outcome_.spawns.empty()) return false;
    return step_.phase == Phase::compensate || (step_.phase == Phase::execute && !job_.backward);
  }

  /// Suspending is no failure, and neither a host that ends nor another call that brings the
  /// process down is the step's fault (A4, A7).
  [[nodiscard]] bool is_an_attempt() const {
    if (cause_ == StopCause::shutdown) return outcome_.kind == OutcomeKind::succeeded;
    return cause_ ||
           (outcome_.kind != OutcomeKind::suspended && outcome_.kind != OutcomeKind::interrupted);
  }

  /// The step as this call leaves it, its next condition still to be said.
  [[nodiscard]] StepMoved after(StepCondition to) const {
    StepMoved entry = moved(job_, index_, std::move(to));
    if (outcome_.kind == OutcomeKind::not_started) return entry;  // nothing of it ran
    entry.resuming = false;
    if (is_an_attempt()) ++entry.attempts;
    entry.in_doubt = leaves_outcome_open(recorded_kind());
    if (outcome_.kind == OutcomeKind::crashed) {
      ++entry.crashes_in_row;
    } else if (outcome_.kind != OutcomeKind::lost && outcome_.kind != OutcomeKind::interrupted) {
      entry.crashes_in_row = 0;
    }
    const bool no_effect = outcome_.kind == OutcomeKind::refused;
    if (no_effect && planted(PlantedBug::refusal_forgets_effect)) entry.effect = Effect::none;
    if (step_.phase == Phase::execute && !no_effect && entry.effect == Effect::none) {
      entry.effect = Effect::possible;
    }
    return entry;
  }

  void succeed() {
    StepMoved entry = after(Succeeded{});
    if (step_.phase == Phase::compensate) {
      entry.to = Compensated{};
    } else {
      if (step_.phase == Phase::probe) entry.attempts = attempts_of_execute();
      entry.phase = Phase::execute;
      entry.effect = Effect::done;
    }
    entries_.push_back(std::move(entry));
  }

  void probed_none() {
    StepMoved entry = after(Ready{});
    entry.phase = Phase::execute;
    entry.attempts = attempts_of_execute();
    entry.effect = Effect::none;
    const bool pivot_was_given_up = job_.definition->steps[index_].pivot && job_.cancel_wanted;
    if (!job_.backward && !pivot_was_given_up) {
      entries_.push_back(std::move(entry));
      return;
    }
    give_up(entries_, job_,
            {index_,
             std::move(entry),
             AbandonReason::turned_back,
             {"no_effect", "the probe found that the step took no effect", {}}});
  }

  void end_unasked() {
    if (makes_no_sense(outcome_, step_.phase)) {
      park(ParkReason::bad_answer);
    } else if (is_final(outcome_.kind) && step_.phase != Phase::probe) {
      surrender(outcome_.kind == OutcomeKind::refused ? AbandonReason::refused
                                                      : AbandonReason::failed);
    } else if (outcome_.kind == OutcomeKind::suspended) {
      suspend();
    } else {
      try_again();
    }
  }

  void end_stopped(StopCause cause) {
    switch (cause) {
      case StopCause::timed_out:
      case StopCause::silent:
        if (is_final(outcome_.kind) || makes_no_sense(outcome_, step_.phase)) return end_unasked();
        return try_again();
      case StopCause::abandon:
        return surrender(AbandonReason::operator_verb);
      case StopCause::cancel:
        return surrender(AbandonReason::cancel);
      case StopCause::turned_back:
        return surrender(AbandonReason::turned_back);
      case StopCause::shutdown: {
        StepMoved entry = after(Ready{});
        if (entry.crashes_in_row >= rules_.crashes_max) {
          return park_as(std::move(entry), ParkReason::crashes);
        }
        if (must_not_repeat(entry)) {
          return park_as(std::move(entry), ParkReason::effect_in_doubt);
        }
        entry.in_doubt = entry.in_doubt || outcome_.kind != OutcomeKind::not_started;
        entry.resuming = step_.resuming && !leaves_outcome_open(outcome_.kind);
        entries_.push_back(std::move(entry));
        return;
      }
    }
  }

  /// The call was told of what it waits for before it began, and waits for it again (W1).
  [[nodiscard]] bool is_over_already(const ChildWait& wait) const {
    const ChildrenState& children = step_.children;
    if (!step_.resuming || children.news) return false;
    if (wait.until == ChildWait::Until::another_settled) return children.settled > wait.seen;
    return !children.open && outcome_.spawns.empty();
  }

  void suspend() {
    Wait wait = *outcome_.wait;
    if (!wait.key.empty() && step_.ended_waits.size() >= ended_waits_max) {
      return park_as(after(Ready{}), ParkReason::bad_answer,
                     {"too_many_waits",
                      "the step has waited " + std::to_string(ended_waits_max) +
                          " times for events and named sleeps, which is as much as one step may; "
                          "take the rest in steps or jobs of their own",
                      {}});
    }
    if (step_.resuming && wait.due && wait.due->at <= rules_.now) {
      wait.due = {rules_.now + suspension_min, suspension_min};
    }
    if (wait.children && is_over_already(*wait.children)) {
      wait.children.reset();
      wait.due = {rules_.now + suspension_min, suspension_min};
    }
    StepMoved entry = after(Suspended{std::move(wait)});
    entry.resuming = true;
    entries_.push_back(std::move(entry));
  }

  void try_again() {
    StepMoved entry = after(Ready{});
    if (entry.crashes_in_row >= rules_.crashes_max) {
      return park_as(std::move(entry), ParkReason::crashes);
    }
    if (must_not_repeat(entry)) return park_as(std::move(entry), ParkReason::effect_in_doubt);
    const bool pivot_given_up =
        job_.definition->steps[index_].pivot && job_.cancel_wanted && step_.phase == Phase::execute;
    if (pivot_given_up) return surrender_as(std::move(entry), AbandonReason::cancel);
    const RetryPolicy& policy = policy_of(type_, step_.phase);
    if (!policy.allows_another(entry.attempts) && !job_.past_pivot &&
        !planted(PlantedBug::ignores_policy_end)) {
      return surrender_as(std::move(entry), AbandonReason::attempts_used_up);
    }
    Duration wait = backoff(policy, entry.attempts, {job_.id, index_});
    if (outcome_.retry_after) wait = std::max(wait, *outcome_.retry_after);
    entry.to = Retrying{{rules_.now + wait, wait}};
    push_watched(std::move(entry));
  }

  /// A compensation that fails again and again is to be seen by somebody (C5).
  void push_watched(StepMoved entry) {
    const bool raise = step_.phase == Phase::compensate && !step_.attention &&
                       entry.attempts >= rules_.attention_after;
    entries_.push_back(std::move(entry));
    if (raise) entries_.push_back(AttentionRaised{index_});
  }

  [[nodiscard]] bool must_not_repeat(const StepMoved& entry) const {
    return step_.phase == Phase::execute && type_.not_repeatable && !type_.offers_probe &&
           entry.effect == Effect::possible && !planted(PlantedBug::repeats_in_doubt);
  }

  void surrender(AbandonReason reason) { surrender_as(after(Ready{}), reason); }

  /// In compensate and while asking in vain, giving up is parking; else see give_up.
  void surrender_as(StepMoved entry, AbandonReason reason) {
    if (step_.phase == Phase::compensate) {
      return park_as(std::move(entry), ParkReason::compensation_ended);
    }
    const bool asked_in_vain = step_.phase == Phase::probe &&
                               (reason == AbandonReason::attempts_used_up || job_.backward) &&
                               reason != AbandonReason::turned_back &&
                               reason != AbandonReason::cancel;
    if (asked_in_vain) return park_as(std::move(entry), ParkReason::effect_in_doubt);
    if (step_.phase == Phase::probe) {
      entry.phase = Phase::execute;
      entry.attempts = attempts_of_execute();
    }
    give_up(entries_, job_, {index_, std::move(entry), reason, error()});
  }

  void park(ParkReason reason) { park_as(after(Ready{}), reason); }

  void park_as(StepMoved entry, ParkReason reason) { park_as(std::move(entry), reason, error()); }
  void park_as(StepMoved entry, ParkReason reason, Error error) {
    entry.to = Parked{reason, std::move(error)};
    push_watched(std::move(entry));
  }

  [[nodiscard]] std::uint32_t attempts_of_execute() const {
    return step_.earlier[static_cast<std::size_t>(Phase::execute)].attempts;
  }

  [[nodiscard]] Error error() const {
    if (!outcome_.error.code.empty()) return outcome_.error;
    if (recorded_kind() == OutcomeKind::timed_out && cause_ != StopCause::silent) {
      return {"timed_out", "the call ran longer than its time-out", {}};
    }
    if (cause_) {
      std::string message = "the call was asked to stop, because ";
      message += in_words(*cause_);
      return {"stopped", std::move(message), {}};
    }
    return {"no_reason", "the step gave no reason", {}};
  }

  const JobState& job_;
  StepIndex index_;
  const StepState& step_;
  const StepTypeSnapshot& type_;
  const Outcome& outcome_;
  const Rulebook& rules_;
  std::optional<StopCause> cause_;
  Entries entries_;
};

}  // namespace

Entries call_over(const JobState& job, StepIndex step, const Outcome& outcome,
                  const Rulebook& rules) {
  return CallEnd{job, step, outcome, rules}.entries();
}

}  // namespace stepd::engine
