#include "host/rehearsal/judge.hpp"

#include <algorithm>

#include "host/engine/names.hpp"

namespace stepd::rehearsal {

using namespace engine;

namespace {

std::string shown(const CallRequest& request) {
  return "call " + std::to_string(request.id.number) + " of step " + request.step + " (" +
         std::string(name_of(request.phase)) + ")";
}

bool is_saga(const JobState& state, StepIndex step) {
  const StepTypeSnapshot* type = snapshot(state, step);
  return type && type->kind == StepKind::saga;
}

}  // namespace

void Judge::breach(std::string what) {
  if (!has_seen_enough()) breaches_.push_back(std::move(what));
}

void Judge::starts(const CallRequest& request, const Record& record, const GhostWorld& world) {
  const GhostStep& step = world.step(request.step_index);
  if (record.settled) breach("J5: " + shown(request) + " starts, and the job has settled");
  if (!record.calls_started.contains(request.id.number)) {
    breach("A1: " + shown(request) + " starts before its start is on disk");
  }
  if (step.running) breach("A8: " + shown(request) + " starts beside another call of its step");
  if (step.args && *step.args != request.args) {
    breach("J7: " + shown(request) + " sees other arguments than the calls before it");
  }
  const bool past_pivot = pivot_ && record.succeeded.contains(*pivot_);
  const std::uint32_t charged = step.charged[static_cast<std::size_t>(request.phase)];
  if (request.attempts_max != 0 && charged >= request.attempts_max && !past_pivot) {
    breach("A4: " + shown(request) + " starts after " + std::to_string(charged) +
           " charged attempts of " + std::to_string(request.attempts_max));
  }
  if (request.phase == Phase::execute) forward(request, record, world);
  if (request.phase == Phase::compensate) back(request, record, world);
}

void Judge::forward(const CallRequest& request, const Record& record, const GhostWorld& world) {
  const GhostStep& step = world.step(request.step_index);
  if (record.turned_back) breach("C3: " + shown(request) + " starts, and the job has turned back");
  if (step.compensation_began) {
    breach("C3: " + shown(request) + " starts after the step's compensation began");
  }
  if (record.succeeded.contains(request.step_index)) {
    breach("A1: " + shown(request) + " starts, and the step is recorded as succeeded");
  }
  for (const StepIndex before : job_.steps[request.step_index].after) {
    if (record.succeeded.contains(before)) continue;
    breach("J4: " + shown(request) + " starts before step " + job_.steps[before].id +
           " is recorded as done");
  }
  const std::optional<StepTypeSnapshot>& type = job_.steps[request.step_index].snapshot;
  if (!type || !step.may_be_applied || step.resumes || operated_) return;
  if (type->offers_probe) {
    breach("A9: " + shown(request) + " starts without asking whether the last one took effect");
  } else if (type->not_repeatable) {
    breach("A9: " + shown(request) + " repeats a step that must not be repeated in doubt");
  }
}

void Judge::back(const CallRequest& request, const Record& record, const GhostWorld& world) {
  const GhostStep& own = world.step(request.step_index);
  if (!record.turned_back) {
    breach("C1: " + shown(request) + " starts, and the job has not turned back");
  }
  if (pivot_ && record.succeeded.contains(*pivot_)) {
    breach("C4: " + shown(request) + " starts past the point of no return");
  }
  if (!own.may_be_applied && !operated_) {
    breach("C1: " + shown(request) + " starts, and the step can have had no effect");
  }
  if (own.output && !operated_ && request.own_output != *own.output) {
    const bool known = record.succeeded.contains(request.step_index);
    if (known) breach("A6: " + shown(request) + " is not told the step's output");
  }
  for (StepIndex later = 0; later < job_.steps.size(); ++later) {
    if (!graph_.precedes(request.step_index, later)) continue;
    const GhostStep& step = world.step(later);
    const std::string& id = job_.steps[later].id;
    if (step.running) {
      breach("C2: " + shown(request) + " starts while step " + id + " still runs");
    }
    const bool undone = std::ranges::find(record.compensated, later) != record.compensated.end();
    const std::optional<StepTypeSnapshot>& type = job_.steps[later].snapshot;
    const bool is_to_be_undone = type && type->kind == StepKind::saga && step.may_be_applied;
    if (is_to_be_undone && !undone && !record.left.contains(later) && !operated_) {
      breach("C2: " + shown(request) + " starts before step " + id + " is compensated");
    }
  }
}

void Judge::at_rest(const Record& record, const GhostWorld& world, const JobState& state) {
  if (record.rows_after_settling != 0) breach("J5: the journal goes on after the job settled");
  if (world.any_running()) breach("A8: a call goes on, and nothing waits for it");
  if (record.settled) settled(record, world, state);
  for (StepIndex index = 0; index < job_.steps.size(); ++index) {
    const bool undone = std::ranges::find(record.compensated, index) != record.compensated.end();
    if (undone && world.step(index).applied && !operated_) {
      breach("C1: step " + job_.steps[index].id + " is recorded as compensated, and is not undone");
    }
    if (std::ranges::count(record.compensated, index) > 1) {
      breach("C1: step " + job_.steps[index].id + " is compensated twice");
    }
  }
}

void Judge::settled(const Record& record, const GhostWorld& world, const JobState& state) {
  const std::string word(name_of(*record.settled));
  const bool succeeded = record.settled == SettledState::succeeded;
  if (succeeded == record.turned_back.has_value()) {
    breach("C6: the job ends " + word + (succeeded ? ", and" : ", and never") + " turned back");
  }
  for (StepIndex index = 0; index < job_.steps.size(); ++index) {
    const GhostStep& step = world.step(index);
    const std::string& id = job_.steps[index].id;
    if (succeeded) {
      const bool skipped = std::holds_alternative<Skipped>(state.steps[index].condition);
      if (!step.applied && !skipped && !operated_) {
        breach("J4: the job succeeded without step " + id);
      }
      if (step.compensation_began) breach("C1: the job succeeded, and undid step " + id);
    } else if (is_saga(state, index) && step.applied && !record.left.contains(index)) {
      breach("C1: the job ends " + word + ", and the effect of step " + id + " is there");
    }
  }
  const bool undid = !record.compensated.empty();
  if (record.settled == SettledState::compensated && !undid) {
    breach("C6: the job ends compensated, and nothing was");
  }
  const bool cancelled =
      record.turned_back && record.turned_back->kind == Cause::Kind::cancel && record.left.empty();
  if (cancelled != (record.settled == SettledState::cancelled)) {
    breach("C6: the job ends " + word + (cancelled ? " after a cancel" : " without a cancel"));
  }
  if (record.settled == SettledState::failed && undid && record.left.empty()) {
    breach("C6: the job ends failed, and what it did is undone");
  }
}

}  // namespace stepd::rehearsal
