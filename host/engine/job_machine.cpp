#include "host/engine/job_machine.hpp"

#include <algorithm>

#include "host/engine/planted_bug.hpp"
#include "host/engine/rules.hpp"

namespace stepd::engine {
namespace {

/// The number of the call a step is in the middle of.
std::optional<std::uint64_t> call_under_way(const StepState& step) {
  if (const auto* running = std::get_if<Running>(&step.condition)) return running->call;
  if (const auto* stopping = std::get_if<Stopping>(&step.condition)) return stopping->call;
  return std::nullopt;
}

std::optional<StepIndex> step_in_call(const JobState& job, std::uint64_t call) {
  for (const StepIndex step : job.progress.active) {
    if (call_under_way(job.steps[step]) == call) return step;
  }
  return std::nullopt;
}

Outcome gone_with_host(bool crashed) {
  if (crashed) {
    return {.kind = OutcomeKind::crashed,
            .error = {"crashed", "the call ended the process it ran in", {}}};
  }
  return {.kind = OutcomeKind::lost,
          .error = {"lost", "the host ended while the call was under way", {}}};
}

struct Decide {
  const JobState& job;
  const Rulebook& rules;

  Decision operator()(const CallTooLong& event) const {
    const auto step = step_in_call(job, event.call);
    if (!step || !std::holds_alternative<Running>(job.steps[*step].condition)) {
      return Ignored{Ignored::Why::late_report};
    }
    const StopCause cause = event.silent ? StopCause::silent : StopCause::timed_out;
    return Entries{moved(job, *step, Stopping{event.call, cause})};
  }

  Decision operator()(const TimePassed& event) const {
    Entries entries;
    if (event.deadline && !job.deadline_passed && !job.backward) {
      deadline(entries);
    } else {
      for (const StepIndex step : event.steps) wake(entries, step);
    }
    if (entries.empty()) return Ignored{Ignored::Why::nothing_due};
    return entries;
  }

  /// One call at a time: what becomes of the next may depend on it. Ask again until ignored.
  Decision operator()(const HostGone& event) const {
    for (const StepIndex step : job.progress.active) {
      const auto call = call_under_way(job.steps[step]);
      if (!call || event.alive.contains(*call)) continue;
      return call_over(job, step, gone_with_host(event.crashed.contains(*call)), rules);
    }
    return Ignored{Ignored::Why::no_change};
  }

  Decision operator()(const RecordRefused&) const {
    Entries entries;
    const Error error{
        "not_stored", "the store does not take the record of this job's last turn", {}};
    for (const StepIndex step : job.progress.active) {
      if (std::holds_alternative<Parked>(job.steps[step].condition)) continue;
      StepMoved entry = moved(job, step, Parked{ParkReason::not_stored, error});
      if (call_under_way(job.steps[step])) {
        if (entry.effect == Effect::none) entry.effect = Effect::possible;
        entry.in_doubt = true;
        entry.resuming = false;
      }
      entries.push_back(std::move(entry));
    }
    if (entries.empty()) return Ignored{Ignored::Why::no_change};
    return entries;
  }

  Decision operator()(const HostEnding&) const {
    Entries entries;
    for (const StepIndex step : job.progress.active) {
      const auto* running = std::get_if<Running>(&job.steps[step].condition);
      if (!running) continue;
      entries.push_back(moved(job, step, Stopping{running->call, StopCause::shutdown}));
    }
    if (entries.empty()) return Ignored{Ignored::Why::no_change};
    return entries;
  }

  Decision operator()(const Verb& verb) const { return verb_asked(job, verb); }

  /// Counts as of a row before the last spawn say nothing of what that one started.
  Decision operator()(const ChildrenCame& came) const {
    const ChildCounts& counts = came.counts;
    const StepState& state = job.steps[counts.step];
    if (counts.as_of_row < state.children.spawned_in_row) return Ignored{Ignored::Why::late_report};
    const auto* suspended = std::get_if<Suspended>(&state.condition);
    const bool wakes =
        suspended && suspended->wait.children && counts.ends(*suspended->wait.children);
    const bool closes = state.children.open && counts.all_settled();
    if (!wakes && !closes) return Ignored{Ignored::Why::no_change};
    Entries entries{
        ChildrenSettled{counts.step, counts.spawned, counts.settled, counts.unsuccessful}};
    if (wakes) entries.push_back(moved(job, counts.step, Ready{}));
    return entries;
  }

  Decision operator()(const ParentTurnedBack&) const {
    if (job.backward || job.past_pivot || job.cancel_wanted) {
      return Ignored{Ignored::Why::no_change};
    }
    const Cause cause{
        Cause::Kind::cancel, 0, {"parent_turned_back", "the job that started it turned back", {}}};
    Entries entries;
    if (job.paused) entries.push_back(Resumed{});
    turn_back_once_decided(entries, job, cause);
    return entries;
  }

  /// The wait is named by the call that asked for it; the first wake wins (W1).
  Decision operator()(const EventArrived& arrived) const {
    const auto& [step, call, event] = arrived.given;
    const StepState& state = job.steps[step];
    const bool is_known = std::ranges::any_of(state.ended_waits, [&](const EndedWait& ended) {
      return ended.event && ended.event->number == event.number;
    });
    if (is_known) return Ignored{Ignored::Why::repeated_request};
    const auto* suspended = std::get_if<Suspended>(&state.condition);
    if (!suspended || !suspended->wait.takes_event || state.last_call != call) {
      return Ignored{Ignored::Why::late_report};
    }
    return Entries{WaitEnded{step, {state.phase, suspended->wait.key, event}},
                   moved(job, step, Ready{})};
  }

 private:
  void deadline(Entries& entries) const {
    const Cause cause{Cause::Kind::deadline, 0, {"deadline", "the job's deadline passed", {}}};
    if (job.past_pivot) {
      entries.push_back(DeadlinePassed{});
    } else {
      turn_back_once_decided(entries, job, cause);
    }
  }

  void wake(Entries& entries, StepIndex step) const {
    const StepState& state = job.steps[step];
    const auto* suspended = std::get_if<Suspended>(&state.condition);
    if (suspended && !suspended->wait.key.empty()) {
      entries.push_back(WaitEnded{step, {state.phase, suspended->wait.key, std::nullopt}});
    }
    if (suspended || std::holds_alternative<Retrying>(state.condition)) {
      entries.push_back(moved(job, step, Ready{}));
    }
  }
};

}  // namespace

Decision decide(const JobState& job, const JobEvent& event, const Rulebook& rules) {
  if (job.settled && !std::holds_alternative<Verb>(event)) {
    return Ignored{Ignored::Why::late_report};
  }
  return std::visit(Decide{job, rules}, event);
}

/// Only the report of the call now under way counts (A1).
Decision end_call(const JobState& job, std::uint64_t call, const Outcome& outcome,
                  const Rulebook& rules) {
  const auto step = job.settled ? std::nullopt : step_in_call(job, call);
  if (!step) return Ignored{Ignored::Why::late_report};
  return call_over(job, *step, outcome, rules);
}

StepMoved moved(const JobState& job, StepIndex step, StepCondition to) {
  const StepState& state = job.steps[step];
  return {.step = step,
          .phase = state.phase,
          .effect = state.effect,
          .attempts = state.attempts,
          .in_doubt = state.in_doubt,
          .resuming = state.resuming,
          .crashes_in_row = state.crashes_in_row,
          .to = std::move(to),
          .output = {}};
}

const StepTypeSnapshot& known_snapshot(const JobState& job, StepIndex step) {
  static const StepTypeSnapshot nothing_known;
  const StepTypeSnapshot* known = snapshot(job, step);
  return known ? *known : nothing_known;
}

const RetryPolicy& policy_of(const StepTypeSnapshot& type, Phase phase) {
  return phase == Phase::compensate ? type.compensate_retry : type.retry;
}

bool may_turn_back(const JobState& job) {
  return !job.backward && !job.past_pivot && !job.cancel_wanted;
}

bool pivot_is_undecided(const JobState& job) {
  if (job.past_pivot || job.backward) return false;
  return std::ranges::any_of(job.progress.active, [&](StepIndex step) {
    if (!job.definition->steps[step].pivot) return false;
    return call_under_way(job.steps[step]) || job.steps[step].effect == Effect::possible;
  });
}

namespace {

/// The entry that takes an active step out of the way forward (the column "turn").
StepMoved turned(const JobState& job, StepIndex step, const Cause& cause) {
  const StepState& state = job.steps[step];
  const auto call = call_under_way(state);
  if (call && planted(PlantedBug::compensates_beside_call)) {
    StepMoved entry = moved(job, step, Abandoned{AbandonReason::turned_back, cause.error});
    entry.effect = Effect::possible;
    return entry;
  }
  if (call) {
    const bool cancelled = cause.kind == Cause::Kind::cancel;
    return moved(job, step,
                 Stopping{*call, cancelled ? StopCause::cancel : StopCause::turned_back});
  }
  const bool never_called = state.last_call == 0;
  if (never_called && std::holds_alternative<Ready>(state.condition)) {
    return moved(job, step, Never{});
  }
  StepMoved entry = moved(job, step, Abandoned{AbandonReason::turned_back, cause.error});
  entry.resuming = false;
  return entry;
}

bool parks_instead(const JobState& job, const Surrender& surrender) {
  if (job.past_pivot) return !planted(PlantedBug::turns_back_past_pivot);
  const bool pivot_in_doubt = job.definition->steps[surrender.step].pivot &&
                              surrender.as.effect == Effect::possible && !job.backward;
  return pivot_in_doubt && known_snapshot(job, surrender.step).kind != StepKind::saga;
}

/// A pivot in doubt is asked before the job may turn back (C4).
bool is_probed_first(const JobState& job, const Surrender& surrender) {
  return job.definition->steps[surrender.step].pivot && !job.backward && !job.past_pivot &&
         surrender.as.effect == Effect::possible && surrender.as.phase == Phase::execute &&
         known_snapshot(job, surrender.step).offers_probe;
}

}  // namespace

void unbind(Entries& entries, const JobState& job, StepIndex step) {
  const StepState& state = job.steps[step];
  if (state.phase == Phase::execute || state.bound_to == ModuleHash{}) return;
  entries.push_back(BuildBound{step, ModuleHash{}});
}

void give_up(Entries& entries, const JobState& job, Surrender surrender) {
  const Cause cause{Cause::Kind::step_abandoned, surrender.step, surrender.error};
  if (is_probed_first(job, surrender)) {
    surrender.as.phase = Phase::probe;
    surrender.as.attempts = 0;
    surrender.as.to = Ready{};
    entries.push_back(std::move(surrender.as));
    entries.push_back(CancelNoted{cause});
    return;
  }
  if (parks_instead(job, surrender)) {
    const ParkReason reason = job.past_pivot ? ParkReason::past_pivot : ParkReason::effect_in_doubt;
    surrender.as.to = Parked{reason, std::move(surrender.error)};
    entries.push_back(std::move(surrender.as));
    return;
  }
  surrender.as.to = Abandoned{surrender.reason, std::move(surrender.error)};
  entries.push_back(std::move(surrender.as));
  if (!job.backward) turn_back(entries, job, job.cancel_wanted.value_or(cause), surrender.step);
}

void turn_back_once_decided(Entries& entries, const JobState& job, Cause cause) {
  if (pivot_is_undecided(job)) {
    entries.push_back(CancelNoted{std::move(cause)});
  } else {
    turn_back(entries, job, std::move(cause), std::nullopt);
  }
}

void turn_back(Entries& entries, const JobState& job, Cause cause,
               std::optional<StepIndex> decided) {
  entries.push_back(TurnedBack{cause});
  for (const StepIndex step : job.progress.active) {
    if (step != decided) entries.push_back(turned(job, step, cause));
  }
}

}  // namespace stepd::engine
