#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "host/engine/definition.hpp"
#include "host/engine/entry.hpp"
#include "host/engine/record.hpp"
#include "host/engine/step_state.hpp"

namespace stepd::engine {

/// One job as the fold over its journal leaves it. Changes by `apply` only.
struct JobState {
  JobId id;
  // Shared between this state and copies of it made for questions (why, show); never changes.
  std::shared_ptr<const JobDefinition> definition;

  bool backward = false;
  bool past_pivot = false;
  bool paused = false;
  std::optional<Cause> cancel_wanted;
  std::optional<Cause> cause;  // why it turned back; the first one
  bool deadline_passed = false;
  std::optional<SettledState> settled;
  std::vector<StepState> steps;
  std::vector<StepTypeSnapshot> snapshots;  // by step; meaningful where `has_snapshot`
  std::vector<bool> has_snapshot;
  std::set<std::string> request_ids;        // of operators' verbs, so that each has its effect once
  std::uint64_t calls = 0;
  std::uint64_t rows = 0;                   // number of the last journal row
  TimePoint accepted_at{};
  TimePoint last_at{};

  // Derived, kept by `apply` so that no rule needs to look at every step.
  std::set<StepIndex> active;             // ready, running, stopping, retrying, suspended, parked
  std::vector<std::uint32_t> predecessors_open;  // by step: how many are not succeeded or skipped
  std::vector<std::vector<StepIndex>> successors;
  std::uint32_t steps_open = 0;           // not at an end of the job's present direction

  friend bool operator==(const JobState&, const JobState&) = default;
};

/// A job of which nothing is recorded yet.
[[nodiscard]] JobState fresh(JobId id, std::shared_ptr<const JobDefinition> definition);

/// The only thing that changes a state; recovery, reads and tests use it alike.
void apply(JobState& job, const JournalRow& row);

/// The state of a job as loaded. Throws UnreadableRecord.
[[nodiscard]] JobState fold(const LoadedJob& loaded);

/// What every call of the step is given (J7).
[[nodiscard]] JsonText args_of(const JobState& job, StepIndex step);

[[nodiscard]] std::optional<StepIndex> find_step(const JobDefinition& definition,
                                                 std::string_view id);

}  // namespace stepd::engine
