#include <algorithm>

#include "host/engine/codec.hpp"
#include "host/engine/derived_job.hpp"
#include "host/engine/engine_state.hpp"
#include "host/engine/planted_bug.hpp"
#include "host/engine/reference.hpp"
#include "host/engine/why.hpp"

/// Jobs that steps start, and what the steps hear of them (W3).
namespace stepd::engine {

/// As an event that was given.
void Engine::State::on(ChildNews& event) {
  ActiveJob* active = find(event.job);
  if (!active) {
    note_store_grew();
  } else if (active->leaving) {
    defer(event.job, event);
  } else {
    take(*active, ChildrenCame{event.counts});
  }
}

void Engine::State::on(ChildrenCancelled& event) {
  note_store_grew();
  for (auto& [id, active] : jobs) {
    const auto& parent = active.state().definition->parent;
    if (!parent || parent->job != event.parent || parent->step != event.step) continue;
    if (active.leaving) {
      defer({id}, event);
    } else {
      take(active, ParentTurnedBack{});
    }
  }
}

/// They are claimed like any other job.
void Engine::State::spawn(ActiveJob& active, StepIndex step, const std::vector<Spawn>& spawns) {
  for (const Spawn& spawn : spawns) {
    if (spawn.undo && planted(PlantedBug::forgets_undos)) continue;
    active.draft().children.push_back(spawn.undo ? undo_of_child(active.state(), step, spawn)
                                                 : child_of(active.state(), step, spawn));
  }
  note_store_grew();
}

/// Of two deadlines the earlier one counts (A5).
NewJob Engine::State::child_of(const JobState& job, StepIndex step, const Spawn& spawn) {
  const std::vector<Entry> first{Submitted{}};
  JobDefinition definition = *spawn.definition;
  definition.parent = ParentLink{job.id, step, spawn.key};
  if (job.definition->deadline && !job.past_pivot) {
    const Duration left = job.accepted_at + *job.definition->deadline - now.wall;
    definition.deadline = std::max(Duration(1), std::min(left, definition.deadline.value_or(left)));
  }
  return {.id = ids.next(now.wall),
          .tenant = definition.tenant,
          .name = definition.name,
          .head = {.word = JobWord::queued, .due = now.wall, .priority = definition.priority},
          .at = now.wall,
          .definition = encode(definition),
          .first_row = encode(first),
          .parent = definition.parent};
}

/// Whether it may be undone, and is not already, the store says; the child is not in memory.
NewJob Engine::State::undo_of_child(const JobState& job, StepIndex step, const Spawn& spawn) {
  const JobId id = ids.next(now.wall);
  auto definition = std::make_shared<JobDefinition>(spawn.undo->definition);
  definition->parent = ParentLink{job.id, step, spawn.key};
  JobState state = fresh(id, definition);
  apply(state, JournalRow{1, now.wall, spawn.undo->first_row});
  return {.id = id,
          .tenant = definition->tenant,
          .name = definition->name,
          .head = {.word = word_of(state), .due = now.wall, .priority = definition->priority},
          .at = now.wall,
          .definition = encode(*definition),
          .first_row = encode(spawn.undo->first_row),
          .parent = definition->parent,
          .derivation = spawn.undo->derivation};
}

std::optional<ChildOutcome> Engine::State::outcome_for_parent(const JobState& job) const {
  if (!job.settled || !job.definition->parent) return std::nullopt;
  ChildOutcome outcome{.word = word_of(job)};
  const bool undid = outcome.word == JobWord::compensated && undone_job(*job.definition);
  if (job.cause && !undid) outcome.error = job.cause->error;
  if (job.settled != SettledState::succeeded) return outcome;
  Resolution output = job_output(job, settings.limits.output_bytes_max);
  if (auto* error = std::get_if<Error>(&output)) {
    outcome.error = std::move(*error);
  } else {
    outcome.output = std::get<JsonText>(std::move(output));
  }
  return outcome;
}

}  // namespace stepd::engine
