#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/engine/definition.hpp"
#include "host/engine/entry.hpp"
#include "host/engine/index_set.hpp"
#include "host/engine/record.hpp"
#include "host/engine/step_state.hpp"

namespace stepd::engine {

/// What follows from the rest of a state and is kept beside it, so that no rule needs to look at
/// every step. Kept by `apply`.
struct JobProgress {
  // The direct successors of step i stand in `successors` from first_successor[i] to
  // first_successor[i + 1].
  std::vector<StepIndex> successors{};
  std::vector<std::uint32_t> first_successor{};
  IndexSet without_snapshot;  // their types have not been loaded since the submit
  IndexSet active;            // ready, running, stopping, retrying, suspended, parked
  std::vector<std::uint32_t> predecessors_open{};  // by step: those not yet succeeded or skipped
  std::vector<std::uint32_t> successors_open{};    // by step: those not yet back; while backward
  std::vector<bool> back{};  // compensated, left or nothing to undo, and so all steps after it
  IndexSet to_undo;        // what is to be compensated or probed next: all steps after it are back
  std::uint32_t open = 0;  // steps not at an end of the job's present direction
  std::uint32_t broods_open = 0;  // steps whose children have not all settled
  friend bool operator==(const JobProgress&, const JobProgress&) = default;
};

[[nodiscard]] std::span<const StepIndex> successors_of(const JobProgress& progress, StepIndex step);

/// What an operator's request id stands for (O1).
struct AskedVerb {
  std::string verb{};
  std::optional<StepIndex> step{};
  std::string reason{};
  ContentHash content{};
  friend bool operator==(const AskedVerb&, const AskedVerb&) = default;
};

/// One job as the fold over its journal leaves it. Changes by `apply` only.
struct JobState {
  JobId id{};
  // Shared between this state and copies of it made for questions (why, show); never changes.
  std::shared_ptr<const JobDefinition> definition{};

  bool backward = false;
  bool past_pivot = false;
  bool paused = false;
  bool deadline_passed = false;
  std::optional<Cause> cancel_wanted{};
  std::optional<Cause> cause{};  // why it turned back; the first one
  std::optional<SettledState> settled{};
  std::vector<StepState> steps{};
  std::map<StepIndex, StepTypeSnapshot> late_snapshots{};  // of types unknown at submit
  std::map<std::string, AskedVerb> request_ids{};          // so that each verb has its effect once
  std::uint64_t calls = 0;
  std::uint64_t rows = 0;  // number of the last journal row
  std::int32_t priority = 0;
  TimePoint accepted_at{};
  TimePoint last_at{};
  JobProgress progress;

  friend bool operator==(const JobState&, const JobState&) = default;
};

/// A job of which nothing is recorded yet.
[[nodiscard]] JobState fresh(JobId id, std::shared_ptr<const JobDefinition> definition);

/// The only thing that changes a state; recovery, reads and tests use it alike. Entries of a row
/// are applied after begin_row; the third form does both.
void begin_row(JobState& job, std::uint64_t number, TimePoint at);
void apply(JobState& job, const Entry& entry);
void apply(JobState& job, const JournalRow& row);

/// The state of a job as loaded; `after_row`, when given, sees every row once it is applied.
/// Throws UnreadableRecord.
using RowObserver = std::function<void(const JobState&, const JournalRow&)>;
[[nodiscard]] JobState fold(const LoadedJob& loaded, const RowObserver& after_row = {});

/// Absent while the step's type has never been loaded (J8).
[[nodiscard]] const StepTypeSnapshot* snapshot(const JobState& job, StepIndex step);

/// The job undoes another, whose effects are not its own: what execute left is that one's (J5).
[[nodiscard]] std::optional<JobId> undone_job(const JobDefinition& definition);

/// What every call of the step is given (J7).
[[nodiscard]] const JsonText& args_of(const JobState& job, StepIndex step);

/// True while the effect of the step is one that a compensation would have to undo (C1).
[[nodiscard]] bool needs_compensation(const JobState& job, StepIndex step);

[[nodiscard]] std::optional<StepIndex> find_step(const JobDefinition& definition,
                                                 std::string_view id);

}  // namespace stepd::engine
