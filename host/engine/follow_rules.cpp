#include <algorithm>
#include <iterator>

#include "host/engine/planted_bug.hpp"
#include "host/engine/reference.hpp"
#include "host/engine/rules.hpp"
#include "host/engine/validate.hpp"

namespace stepd::engine {
namespace {

bool is_ready(const StepState& step) { return std::holds_alternative<Ready>(step.condition); }

/// Snapshots for types that have arrived since the submit (J2, J8).
void complete_snapshots(Entries& entries, const JobState& job, const Rulebook& rules) {
  for (const StepIndex step : job.progress.without_snapshot) {
    const StepDefinition& definition = job.definition->steps[step];
    const StepType* type = rules.catalogue.find(definition.type);
    const StepCondition& condition = job.steps[step].condition;
    const bool may_run =
        std::holds_alternative<Pending>(condition) || job.progress.active.contains(step);
    if (!type || !may_run) continue;
    entries.push_back(SnapshotCompleted{
        step, snapshot_of(*type, definition, rules.defaults, job.definition->pin)});
  }
}

bool takes_over(const StepType& type, const StepTypeSnapshot& recorded) {
  return type.accepts_from <= recorded.version && recorded.version <= type.version;
}

/// The build that the job's pin names; null: it is not there.
const StepType* pinned_build(const JobState& job, StepIndex step, const Catalogue& catalogue) {
  const std::string& name = job.definition->steps[step].type;
  const StepTypeSnapshot* recorded = snapshot(job, step);
  if (!recorded) return nullptr;
  const auto is_named = [&](const StepType& type) {
    if (recorded->build) return type.module == *recorded->build;
    return job.definition->pin == Pin::latest || takes_over(type, *recorded);
  };
  const StepType* loaded = catalogue.find(name);
  if (loaded && is_named(*loaded)) return loaded;
  for (const EarlierBuild& earlier : catalogue.earlier_builds(name)) {
    const bool may_run = !earlier.withdrawn || job.steps[step].phase != Phase::execute;
    if (may_run && is_named(earlier.type)) return &earlier.type;
  }
  return nullptr;
}

/// The build that executed the step, if the next call is about what that did; null: it is not, or
/// that build is not there.
const StepType* bound_build(const JobState& job, StepIndex step, const Catalogue& catalogue) {
  const StepState& state = job.steps[step];
  if (state.phase == Phase::execute || state.bound_to == ModuleHash{}) return nullptr;
  const std::string& name = job.definition->steps[step].type;
  const StepType* loaded = catalogue.find(name);
  if (loaded && loaded->module == state.bound_to) return loaded;
  for (const EarlierBuild& earlier : catalogue.earlier_builds(name)) {
    if (earlier.type.module == state.bound_to) return &earlier.type;
  }
  return nullptr;
}

/// Another build releases a step that crashed too often on the one before (A7).
void release_by_build(Entries& entries, const JobState& job, StepIndex step,
                      const Rulebook& rules) {
  const StepState& state = job.steps[step];
  const auto* parked = std::get_if<Parked>(&state.condition);
  if (!parked || parked->reason != ParkReason::crashes) return;
  const StepType* build = pinned_build(job, step, rules.catalogue);
  if (!build || build->module == state.module) return;
  unbind(entries, job, step);
  StepMoved entry = moved(job, step, Ready{});
  entry.crashes_in_row = 0;
  entries.push_back(std::move(entry));
}

/// Before a step with a possible effect is called again it is asked whether it took effect (A9).
std::optional<Entry> asked_first(const JobState& job, StepIndex step) {
  const StepState& state = job.steps[step];
  const bool would_repeat = is_ready(state) && state.phase == Phase::execute &&
                            state.effect == Effect::possible && !state.resuming;
  if (!would_repeat || !known_snapshot(job, step).offers_probe) return std::nullopt;
  if (planted(PlantedBug::repeats_without_asking)) return std::nullopt;
  StepMoved entry = moved(job, step, Ready{});
  entry.phase = Phase::probe;
  entry.attempts = 0;
  return entry;
}

Entry begin_to_undo(const JobState& job, StepIndex step) {
  StepMoved entry = moved(job, step, Ready{});
  const bool ask =
      job.steps[step].effect == Effect::possible && known_snapshot(job, step).offers_probe;
  entry.phase = ask ? Phase::probe : Phase::compensate;
  entry.attempts = 0;
  entry.in_doubt = false;
  entry.resuming = false;
  entry.crashes_in_row = 0;
  return entry;
}

/// What PlantedBug::compensates_in_any_order does.
void undo_all(Entries& entries, const JobState& job) {
  for (StepIndex step = 0; step < job.steps.size(); ++step) {
    if (job.progress.to_undo.contains(step) || job.progress.back[step]) continue;
    const StepCondition& condition = job.steps[step].condition;
    const bool done = std::holds_alternative<Succeeded>(condition);
    if (done && needs_compensation(job, step)) entries.push_back(begin_to_undo(job, step));
  }
}

/// How a job that is all the way back ends (C6).
SettledState end_of_way_back(const JobState& job) {
  const auto any = [&](auto condition) {
    return std::ranges::any_of(job.steps, [](const StepState& step) {
      return std::holds_alternative<decltype(condition)>(step.condition);
    });
  };
  if (any(Left{})) return SettledState::failed;
  if (job.cause && job.cause->kind == Cause::Kind::cancel) return SettledState::cancelled;
  // An undo that finds nothing left to undo has done what was asked.
  const bool undoes = job.cause && job.cause->kind == Cause::Kind::undo;
  return undoes || any(Compensated{}) ? SettledState::compensated : SettledState::failed;
}

std::vector<EarlierOutput> earlier_outputs(const JobState& job, StepIndex step) {
  std::vector<EarlierOutput> outputs;
  const std::vector<StepDefinition>& steps = job.definition->steps;
  std::vector<StepIndex> to_look_at{step};
  std::vector<bool> seen(steps.size(), false);
  while (!to_look_at.empty()) {
    const StepIndex index = to_look_at.back();
    to_look_at.pop_back();
    for (const StepIndex before : steps[index].after) {
      if (seen[before]) continue;
      seen[before] = true;
      to_look_at.push_back(before);
      if (job.steps[before].output.empty()) continue;
      outputs.push_back({steps[before].id, job.steps[before].output});
    }
  }
  return outputs;
}

std::vector<EndedWait> ended_waits_of(const StepState& step) {
  std::vector<EndedWait> ended;
  std::ranges::copy_if(step.ended_waits, std::back_inserter(ended),
                       [&step](const EndedWait& wait) { return wait.phase == step.phase; });
  return ended;
}

bool needs_resolving(const JobState& job, StepIndex step) {
  const StepDefinition& definition = job.definition->steps[step];
  return job.steps[step].args.empty() && job.steps[step].last_call == 0 &&
         (definition.args_have_references || !definition.snapshot);
}

}  // namespace

Entries follow(const JobState& job, const Rulebook& rules) {
  Entries entries;
  if (job.settled) return entries;
  complete_snapshots(entries, job, rules);
  for (const StepIndex step : job.progress.active) {
    release_by_build(entries, job, step, rules);
    if (auto probe = asked_first(job, step)) {
      entries.push_back(*std::move(probe));
    }
  }
  if (job.backward) {
    for (const StepIndex step : job.progress.to_undo) entries.push_back(begin_to_undo(job, step));
    if (planted(PlantedBug::compensates_in_any_order)) undo_all(entries, job);
  }
  const bool children_open =
      job.progress.broods_open != 0 && !planted(PlantedBug::settles_before_children);
  if (entries.empty() && job.progress.open == 0 && !children_open) {
    entries.push_back(Settled{job.backward ? end_of_way_back(job) : SettledState::succeeded});
  }
  return entries;
}

const StepType* build_for(const JobState& job, StepIndex step, const Catalogue& catalogue) {
  const StepType* bound = bound_build(job, step, catalogue);
  return bound ? bound : pinned_build(job, step, catalogue);
}

Obstacle obstacle(const JobState& job, StepIndex step, const Catalogue& catalogue) {
  if (job.paused && !planted(PlantedBug::starts_while_paused)) return Obstacle::paused;
  if (build_for(job, step, catalogue)) return Obstacle::none;
  const StepTypeSnapshot* recorded = snapshot(job, step);
  if (recorded && recorded->build) return Obstacle::build_missing;
  const bool is_loaded = catalogue.find(job.definition->steps[step].type) != nullptr;
  return is_loaded && recorded ? Obstacle::version_unfit : Obstacle::type_missing;
}

Entries start(const JobState& job, StepIndex step, const Rulebook& rules) {
  Entries entries;
  const StepState& state = job.steps[step];
  const StepType* type = build_for(job, step, rules.catalogue);
  if (needs_resolving(job, step)) {
    // A build that takes an earlier version over makes its own arguments of those that were sent.
    const bool as_sent = type->version == known_snapshot(job, step).version;
    const StepSchema anything;
    Resolution resolution =
        resolve_args(job, step, as_sent ? type->args_schema : anything, rules.args_bytes_max);
    if (auto* error = std::get_if<Error>(&resolution)) {
      if (state.phase != Phase::execute) {
        const ParkReason reason = state.phase == Phase::compensate ? ParkReason::compensation_ended
                                                                   : ParkReason::effect_in_doubt;
        entries.push_back(moved(job, step, Parked{reason, std::move(*error)}));
        return entries;
      }
      give_up(entries, job,
              {step, moved(job, step, Ready{}), AbandonReason::bad_arguments, std::move(*error)});
      return entries;
    }
    auto& args = std::get<JsonText>(resolution);
    if (args != args_of(job, step)) entries.push_back(ArgumentsResolved{step, std::move(args)});
  }
  entries.push_back(CallStarted{.step = step,
                                .phase = state.phase,
                                .call = job.calls + 1,
                                .attempt = state.attempts + 1,
                                .calls = state.calls + 1,
                                .version = type->version,
                                .module = type->module});
  return entries;
}

CallRequest request_of(const JobState& job, StepIndex step, Epoch epoch) {
  const JobDefinition& definition = *job.definition;
  const StepState& state = job.steps[step];
  const StepTypeSnapshot& type = known_snapshot(job, step);
  const bool compensates = state.phase == Phase::compensate;
  const std::optional<JobId> undone = undone_job(definition);
  CallRequest request{.id = {job.id, state.last_call},
                      .epoch = epoch,
                      .tenant = definition.tenant,
                      .job_name = definition.name,
                      .step = definition.steps[step].id,
                      .step_index = step,
                      .type = definition.steps[step].type,
                      .version = type.version,
                      .module = state.module,
                      .phase = state.phase,
                      .attempt = state.attempts + 1,
                      .attempts_max = policy_of(type, state.phase).attempts_max,
                      .outcome_unknown = state.in_doubt,
                      .timeout = compensates ? type.compensate_timeout : type.timeout,
                      .heartbeat = type.heartbeat,
                      .args = args_of(job, step),
                      .own_output = state.phase == Phase::execute ? JsonText{} : state.output,
                      .earlier_outputs = earlier_outputs(job, step),
                      .ended_waits = ended_waits_of(state),
                      .has_children = state.children.spawned_in_row != 0 || undone,
                      .children_open = state.children.open,
                      // Only a call before this one can have left something.
                      .has_blobs = state.calls > 1 || state.phase != Phase::execute};
  if (definition.deadline && !job.backward)
    request.deadline = job.accepted_at + *definition.deadline;
  request.executed_in = undone;
  return request;
}

}  // namespace stepd::engine
