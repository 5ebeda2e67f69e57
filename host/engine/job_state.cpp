#include "host/engine/job_state.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "host/engine/codec.hpp"
#include "host/engine/planted_bug.hpp"

namespace stepd::engine {
namespace {

template <typename... Alternatives>
bool is_any_of(const StepCondition& condition) {
  return (std::holds_alternative<Alternatives>(condition) || ...);
}

bool is_active(const StepCondition& condition) {
  return is_any_of<Ready, Running, Stopping, Retrying, Suspended, Parked>(condition);
}

bool lets_successors_start(const StepState& step) {
  return is_any_of<Succeeded, Skipped>(step.condition);
}

bool is_at_end_of_execute(const StepCondition& condition) {
  return is_any_of<Succeeded, Skipped, Abandoned, Never>(condition);
}

/// Changes the state entry by entry and keeps `progress` in step with it.
class Fold {
 public:
  explicit Fold(JobState& job) : job_(job), progress_(job.progress) {}

  void operator()(const Submitted&) const {
    job_.accepted_at = job_.last_at;
    for (const StepIndex first : progress_.active) job_.steps[first].ready_since = job_.last_at;
  }

  void operator()(const SnapshotCompleted& entry) const {
    job_.late_snapshots[entry.step] = entry.snapshot;
    progress_.without_snapshot.erase(entry.step);
  }

  void operator()(const ArgumentsResolved& entry) const {
    job_.steps[entry.step].args = entry.args;
  }

  void operator()(const CallStarted& entry) const {
    StepState& step = job_.steps[entry.step];
    if (step.module != entry.module) step.crashes_in_row = 0;
    enter(step, entry.phase);
    step.calls = entry.calls;
    step.module = entry.module;
    if (entry.phase == Phase::execute) step.bound_to = entry.module;
    step.last_call = entry.call;
    step.children.news = false;
    job_.calls = entry.call;
    move(entry.step, Running{entry.call});
  }

  void operator()(const CallEnded& entry) const {
    StepState& step = job_.steps[entry.step];
    if (entry.outcome == OutcomeKind::succeeded) {
      if (step.phase != Phase::compensate) step.output = entry.output;
      step.last_error = {};
    } else {
      step.last_error = entry.error;
    }
  }

  void operator()(const StepMoved& entry) const {
    StepState& step = job_.steps[entry.step];
    enter(step, entry.phase);
    step.effect = entry.effect;
    step.attempts = entry.attempts;
    step.in_doubt = entry.in_doubt;
    step.resuming = entry.resuming;
    step.crashes_in_row = entry.crashes_in_row;
    if (!entry.output.empty()) step.output = entry.output;
    if (is_any_of<Succeeded, Compensated, Left>(entry.to)) step.attention = false;
    move(entry.step, entry.to);
    if (is_any_of<Succeeded>(entry.to) && job_.definition->steps[entry.step].pivot) {
      job_.past_pivot = true;
      job_.cancel_wanted.reset();
    }
  }

  void operator()(const AttentionRaised& entry) const { job_.steps[entry.step].attention = true; }

  void operator()(const TurnedBack& entry) const {
    job_.backward = true;
    job_.past_pivot = false;  // of an undo alone: what has succeeded is all there is
    job_.cause = entry.cause;
    job_.cancel_wanted.reset();
    if (entry.cause.kind == Cause::Kind::deadline) job_.deadline_passed = true;
    for (StepState& step : job_.steps) {
      if (is_any_of<Pending>(step.condition)) step.condition = Never{};
    }
    begin_backward();
  }

  void operator()(const CancelNoted& entry) const {
    if (!job_.cancel_wanted) job_.cancel_wanted = entry.cause;
    if (entry.cause.kind == Cause::Kind::deadline) job_.deadline_passed = true;
  }

  void operator()(const DeadlinePassed&) const { job_.deadline_passed = true; }
  void operator()(const Paused&) const { job_.paused = true; }
  void operator()(const Resumed&) const { job_.paused = false; }

  void operator()(const OperatorActed& entry) const {
    if (entry.request_id.empty()) return;
    job_.request_ids.try_emplace(entry.request_id,
                                 AskedVerb{entry.verb, entry.step, entry.reason, entry.content});
  }

  void operator()(const Settled& entry) const { job_.settled = entry.state; }
  void operator()(const PriorityChanged& entry) const { job_.priority = entry.priority; }

  void operator()(const BuildBound& entry) const { job_.steps[entry.step].bound_to = entry.module; }

  void operator()(const ChildrenSpawned& entry) const {
    ChildrenState& children = job_.steps[entry.step].children;
    children.spawned_in_row = job_.rows;
    if (!std::exchange(children.open, true)) ++progress_.broods_open;
  }

  void operator()(const ChildrenSettled& entry) const {
    ChildrenState& children = job_.steps[entry.step].children;
    children.news = true;
    children.settled = entry.settled;
    children.unsuccessful = entry.unsuccessful;
    if (entry.settled != entry.spawned) return;
    if (!std::exchange(children.open, false)) return;
    --progress_.broods_open;
    if (job_.backward) look_back_from(entry.step);
  }

  void operator()(const WaitEnded& entry) const {
    job_.steps[entry.step].ended_waits.push_back(entry.as);
  }

 private:
  static void enter(StepState& step, Phase phase) {
    if (step.phase == phase) return;
    step.earlier[static_cast<std::size_t>(step.phase)] = {step.calls, step.attempts};
    step.phase = phase;
    step.calls = step.earlier[static_cast<std::size_t>(phase)].calls;
    step.attempts = step.earlier[static_cast<std::size_t>(phase)].attempts;
  }

  void move(StepIndex index, const StepCondition& to) const {
    StepState& step = job_.steps[index];
    const bool let_before = lets_successors_start(step);
    if (is_any_of<Ready>(to)) step.ready_since = since_when_ready(step);
    step.condition = to;
    if (is_active(to)) {
      progress_.active.insert(index);
    } else {
      progress_.active.erase(index);
    }
    if (job_.backward) {
      look_back_from(index);
    } else if (!let_before && lets_successors_start(step)) {
      --progress_.open;
      open_successors(index);
    }
  }

  void open_successors(StepIndex index) const {
    for (const StepIndex successor : successors_of(progress_, index)) {
      const bool is_waited_for = --progress_.predecessors_open[successor] != 0;
      if (is_waited_for && !planted(PlantedBug::starts_after_any)) continue;
      StepState& step = job_.steps[successor];
      if (!is_any_of<Pending>(step.condition)) continue;
      step.ready_since = job_.last_at;
      step.condition = Ready{};
      progress_.active.insert(successor);
    }
  }

  /// A wait may have been over before anybody saw to it.
  [[nodiscard]] TimePoint since_when_ready(const StepState& step) const {
    if (const auto* retrying = std::get_if<Retrying>(&step.condition)) {
      return std::min(job_.last_at, retrying->due.at);
    }
    const auto* suspended = std::get_if<Suspended>(&step.condition);
    const bool has_end = suspended && suspended->wait.due;
    return has_end ? std::min(job_.last_at, suspended->wait.due->at) : job_.last_at;
  }

  void begin_backward() const {
    const std::size_t count = job_.steps.size();
    progress_.open = static_cast<std::uint32_t>(count);
    progress_.back.assign(count, false);
    progress_.successors_open.resize(count);
    for (StepIndex index = 0; index < count; ++index) {
      progress_.successors_open[index] =
          static_cast<std::uint32_t>(successors_of(progress_, index).size());
    }
    for (StepIndex index = 0; index < count; ++index) look_back_from(index);
  }

  /// Marks the step as back if it is, and then every step before it that thereby is.
  void look_back_from(StepIndex first) const {
    std::vector<StepIndex> to_look_at{first};
    while (!to_look_at.empty()) {
      const StepIndex index = to_look_at.back();
      to_look_at.pop_back();
      if (progress_.back[index] || progress_.successors_open[index] != 0) continue;
      if (job_.steps[index].children.open) continue;  // they first (W3)
      if (!is_undone(index)) {
        note_to_undo(index);
        continue;
      }
      progress_.back[index] = true;
      progress_.to_undo.erase(index);
      --progress_.open;
      for (const StepIndex before : job_.definition->steps[index].after) {
        if (--progress_.successors_open[before] == 0) to_look_at.push_back(before);
      }
    }
  }

  [[nodiscard]] bool is_undone(StepIndex index) const {
    const StepCondition& condition = job_.steps[index].condition;
    if (is_any_of<Compensated, Left>(condition)) return true;
    return is_at_end_of_execute(condition) && !needs_compensation(job_, index);
  }

  void note_to_undo(StepIndex index) const {
    if (is_at_end_of_execute(job_.steps[index].condition)) {
      progress_.to_undo.insert(index);
    } else {
      progress_.to_undo.erase(index);
    }
  }

  JobState& job_;
  JobProgress& progress_;
};

void link_successors(JobProgress& progress, const std::vector<StepDefinition>& steps) {
  progress.first_successor.assign(steps.size() + 1, 0);
  for (const StepDefinition& step : steps) {
    for (const StepIndex before : step.after) ++progress.first_successor[before + 1];
  }
  for (std::size_t index = 0; index < steps.size(); ++index) {
    progress.first_successor[index + 1] += progress.first_successor[index];
  }
  progress.successors.resize(progress.first_successor.back());
  std::vector<std::uint32_t> next(progress.first_successor.begin(),
                                  progress.first_successor.end() - 1);
  for (StepIndex index = 0; index < steps.size(); ++index) {
    for (const StepIndex before : steps[index].after) {
      progress.successors[next[before]++] = index;
    }
  }
}

/// A journal may come from a damaged file: what it names must be there.
void require_known_step(const Entry& entry, std::size_t steps) {
  const auto require = [steps](StepIndex step) {
    if (step < steps) return;
    throw UnreadableRecord("a journal entry names step " + std::to_string(step) + " of a job of " +
                           std::to_string(steps) + " steps");
  };
  std::visit(
      [&require](const auto& alternative) {
        if constexpr (requires { StepIndex{alternative.step}; }) require(alternative.step);
        if constexpr (requires { StepIndex{*alternative.step}; }) {
          if (alternative.step) require(*alternative.step);
        }
        if constexpr (requires { StepIndex{alternative.cause.step}; }) {
          require(alternative.cause.step);
        }
      },
      entry);
}

}  // namespace

std::span<const StepIndex> successors_of(const JobProgress& progress, StepIndex step) {
  const std::uint32_t first = progress.first_successor[step];
  return std::span(progress.successors).subspan(first, progress.first_successor[step + 1] - first);
}

JobState fresh(JobId id, std::shared_ptr<const JobDefinition> definition) {
  JobState job;
  job.id = id;
  job.definition = std::move(definition);
  job.priority = job.definition->priority;
  const std::vector<StepDefinition>& steps = job.definition->steps;
  job.steps.resize(steps.size());
  job.progress.open = static_cast<std::uint32_t>(steps.size());
  job.progress.predecessors_open.resize(steps.size());
  link_successors(job.progress, steps);
  for (StepIndex index = 0; index < steps.size(); ++index) {
    job.progress.predecessors_open[index] = static_cast<std::uint32_t>(steps[index].after.size());
    if (!steps[index].snapshot) job.progress.without_snapshot.insert(index);
    if (!steps[index].after.empty()) continue;
    job.steps[index].condition = Ready{};
    job.progress.active.insert(index);
  }
  return job;
}

void apply(JobState& job, const Entry& entry) { std::visit(Fold{job}, entry); }

void begin_row(JobState& job, std::uint64_t number, TimePoint at) {
  job.rows = number;
  job.last_at = at;
}

void apply(JobState& job, const JournalRow& row) {
  begin_row(job, row.number, row.at);
  for (const Entry& entry : row.entries) apply(job, entry);
}

JobState fold(const LoadedJob& loaded, const RowObserver& after_row) {
  JobState job =
      fresh(loaded.id, std::make_shared<const JobDefinition>(decode_definition(loaded.definition)));
  for (const StoredRow& row : loaded.rows) {
    JournalRow decoded{row.number, row.at, decode_entries(row.entries)};
    for (const Entry& entry : decoded.entries) require_known_step(entry, job.steps.size());
    apply(job, decoded);
    if (after_row) after_row(job, decoded);
  }
  if (planted(PlantedBug::forgets_attempts)) {
    for (StepState& step : job.steps) step.attempts = 0;
  }
  if (planted(PlantedBug::repeats_after_success) && !job.settled && !job.backward) {
    const auto again = std::ranges::find_if(job.steps, lets_successors_start);
    if (again != job.steps.end()) {
      again->condition = Ready{};
      job.progress.active.insert(static_cast<StepIndex>(again - job.steps.begin()));
    }
  }
  return job;
}

const StepTypeSnapshot* snapshot(const JobState& job, StepIndex step) {
  const StepDefinition& definition = job.definition->steps[step];
  if (definition.snapshot) return &*definition.snapshot;
  const auto late = job.late_snapshots.find(step);
  return late == job.late_snapshots.end() ? nullptr : &late->second;
}

std::optional<JobId> undone_job(const JobDefinition& definition) {
  const auto& origin = definition.origin;
  return origin && origin->kind == Origin::Kind::undo ? std::optional(origin->job) : std::nullopt;
}

const JsonText& args_of(const JobState& job, StepIndex step) {
  const JsonText& resolved = job.steps[step].args;
  const bool forgets = resolved.empty() || planted(PlantedBug::forgets_arguments);
  return forgets ? job.definition->steps[step].args : resolved;
}

bool needs_compensation(const JobState& job, StepIndex step) {
  const StepTypeSnapshot* type = snapshot(job, step);
  if (planted(PlantedBug::never_compensates_in_doubt) &&
      job.steps[step].effect == Effect::possible) {
    return false;
  }
  return type && type->kind == StepKind::saga && job.steps[step].effect != Effect::none;
}

std::optional<StepIndex> find_step(const JobDefinition& definition, std::string_view id) {
  for (StepIndex index = 0; index < definition.steps.size(); ++index) {
    if (definition.steps[index].id == id) return index;
  }
  return std::nullopt;
}

}  // namespace stepd::engine
