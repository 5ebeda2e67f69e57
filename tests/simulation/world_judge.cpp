#include <algorithm>
#include <utility>

#include "host/engine/job_state.hpp"
#include "host/engine/names.hpp"
#include "host/engine/step_graph.hpp"
#include "tests/simulation/chance_job.hpp"
#include "tests/simulation/world.hpp"

/// What the world holds against the promises.
namespace stepd::simulation {

using namespace engine;

namespace {

std::string shown(const CallRequest& request) {
  return "call " + std::to_string(request.id.number) + " of step " + request.step + " (" +
         std::string(name_of(request.phase)) + ") of job " + to_text(request.id.job);
}

[[noreturn]] void broken(const std::string& rule, const std::string& how) {
  throw Broken(rule + ": " + how);
}

/// A report may be recorded as what the host had seen before it came.
bool may_be_recorded_as(OutcomeKind reported, OutcomeKind recorded) {
  const bool says_little = reported == OutcomeKind::retry || reported == OutcomeKind::suspended ||
                           reported == OutcomeKind::effect_unknown ||
                           reported == OutcomeKind::cancelled;
  return reported == recorded || recorded == OutcomeKind::lost ||
         (recorded == OutcomeKind::timed_out && says_little);
}

/// Whether a call took effect is asked anew after each that has begun, though its host may have
/// died before it ran. An undo counts for itself.
CallId counted_since(const CallRequest& request, const Record& record) {
  CallId since{request.id.job, 0};
  if (request.phase != Phase::probe) return since;
  for (const auto& [number, started] : record.calls_started) {
    const bool is_of_step = started.step == request.step_index && number < request.id.number;
    if (is_of_step && started.phase == Phase::execute) since.number = number;
  }
  return since;
}

/// The job's pivot has succeeded, and the job is not there to undo that.
bool is_past_pivot(const Record& record) {
  const auto pivot = pivot_of(record.definition.steps);
  return pivot && record.succeeded.contains(*pivot) && !record.skipped.contains(*pivot) &&
         !undone_job(record.definition);
}

}  // namespace

/// What an undo does is about one job, and nothing of a rerun about what it has kept.
void World::judge_derived(const CallRequest& request, const Record& record) {
  if (request.executed_in) {
    note_undo(*request.executed_in, request.id.job);
    if (request.phase == Phase::execute) broken("J5", shown(request) + " executes in an undo");
  }
  if (!record.definition.origin) return;
  for (const KeptStep& kept : record.definition.origin->kept) {
    if (kept.step == request.step_index) broken("J5", shown(request) + " is of a step it kept");
  }
}

void World::judge_start(const CallRequest& request, const Record& record) const {
  if (record.settled) broken("J5", shown(request) + " starts, and its job has settled");
  if (!record.calls_started.contains(request.id.number)) {
    broken("A1", shown(request) + " starts before its start is on disk");
  }
  if (record.started_paused.contains(request.id.number)) {
    broken("O1", shown(request) + " starts while its job is paused");
  }
  if (is_running(request.id.job, request.step_index)) {
    broken("A8", shown(request) + " starts beside another call of its step");
  }
  judge_attempts(request, record);
  if (request.phase == Phase::execute) judge_way_forward(request, record);
  if (request.phase == Phase::compensate) judge_way_back(request, record);
}

/// A step past the pivot is tried without end; the way back, and giving up a pivot, ask anew.
void World::judge_attempts(const CallRequest& request, const Record& record) const {
  const auto known = steps_.find(key_of(request));
  if (known == steps_.end() || request.attempts_max == 0 || is_past_pivot(record)) return;
  const bool is_pivot = record.definition.steps[request.step_index].pivot;
  if (request.phase == Phase::probe && (record.turned_back || is_pivot)) return;
  const auto charged = known->second.charged.find(request.phase);
  if (charged == known->second.charged.end()) return;
  const CallId since = counted_since(request, record);
  const auto attempts = std::ranges::count_if(charged->second, [&](const CallId& call) {
    return call.job == since.job && call.number > since.number;
  });
  if (std::cmp_less(attempts, request.attempts_max)) return;
  broken("A4", shown(request) + " starts after " + std::to_string(attempts) +
                   " charged attempts of " + std::to_string(request.attempts_max));
}

void World::judge_way_forward(const CallRequest& request, const Record& record) const {
  if (record.started_backward.contains(request.id.number)) {
    broken("C3", shown(request) + " starts after its job turned back");
  }
  const auto known = steps_.find(key_of(request));
  if (known != steps_.end() && known->second.compensation_began) {
    broken("C3", shown(request) + " starts after the step's compensation began");
  }
  if (known != steps_.end() && known->second.recorded_success) {
    broken("A1", shown(request) + " starts, and the step is recorded as succeeded");
  }
  for (const StepIndex before : record.definition.steps[request.step_index].after) {
    if (record.succeeded.contains(before)) continue;
    broken("J4", shown(request) + " starts before step " + record.definition.steps[before].id +
                     " is recorded as done");
  }
  judge_repeat(request, record);
}

/// In doubt a step is asked, or not repeated but by a person's will.
void World::judge_repeat(const CallRequest& request, const Record& record) const {
  if (!may_be_in_effect(request, record)) return;
  const StepType& type = *all_types().find(request.type);
  if (type.offers_probe) {
    broken("A9", shown(request) + " starts without asking whether the last one took effect");
  }
  const auto wanted = tried_again_.find(request.id.job);
  const bool is_wanted =
      wanted != tried_again_.end() && !wanted->second.contains(request.step_index);
  if (type.not_repeatable && !is_wanted) {
    broken("A9", shown(request) + " repeats a step that must not be repeated in doubt");
  }
}

/// By the record: a call may have taken effect, and was no mere part of a step that suspends.
bool World::may_be_in_effect(const CallRequest& request, const Record& record) const {
  bool in_doubt = false;
  bool resumes = false;
  for (const auto& [number, started] : record.calls_started) {
    if (started.step != request.step_index || number >= request.id.number) continue;
    const auto ended = record.calls_ended.find(number);
    const OutcomeKind kind = ended == record.calls_ended.end() ? OutcomeKind::lost : ended->second;
    if (started.phase == Phase::probe && kind == OutcomeKind::no_effect) in_doubt = false;
    if (started.phase != Phase::execute || kind == OutcomeKind::not_started) continue;
    if (kind != OutcomeKind::refused) in_doubt = true;
    const bool is_open = kind == OutcomeKind::lost || kind == OutcomeKind::crashed ||
                         kind == OutcomeKind::effect_unknown || kind == OutcomeKind::interrupted;
    if (is_open || !record.stopped_with_host.contains(number))
      resumes = kind == OutcomeKind::suspended;
  }
  return in_doubt && !resumes && !resolved_none_.contains({request.id.job, request.step});
}

void World::judge_way_back(const CallRequest& request, const Record& record) const {
  if (!record.turned_back) {
    broken("C1", shown(request) + " starts, and its job has not turned back");
  }
  if (is_past_pivot(record)) broken("C4", shown(request) + " starts past the pivot");
  const auto own = steps_.find(key_of(request));
  if (own != steps_.end() && own->second.recorded_undone) {
    broken("J5", shown(request) + " starts, and the step is recorded as compensated");
  }
  const std::vector<StepDefinition>& steps = record.definition.steps;
  const StepGraph graph(steps);
  for (StepIndex later = 0; later < steps.size(); ++later) {
    if (!graph.precedes(request.step_index, later)) continue;
    const auto step = steps_.find({key_of(request).first, later});
    if (step == steps_.end()) continue;
    if (step->second.running) {
      broken("C2", shown(request) + " starts while step " + steps[later].id + " still runs");
    }
    if (is_saga(steps[later].type) && step->second.applied && !record.left.contains(later)) {
      broken("C2", shown(request) + " starts before step " + steps[later].id + " is undone");
    }
  }
}

void World::judge(JobId job, const Record& record) {
  if (record.rows_after_settling != 0) broken("J5", "job " + to_text(job) + " goes on");
  for (const StepIndex step : record.succeeded) steps_[{job, step}].recorded_success = true;
  for (const StepIndex step : record.compensated) {
    steps_[{undone_job(record.definition).value_or(job), step}].recorded_undone = true;
  }
  for (const std::uint64_t call : record.stopped_with_host) {
    const CallStarted& started = record.calls_started.at(call);
    steps_[key_of(job, started.step)].charged[started.phase].erase({job, call});
    const auto running = running_.find({job, call});
    if (running != running_.end()) running->second.host_ends = true;
  }
  judge_calls(job, record);
  judge_pivot(job, record);
  for (const std::string& event : record.taken_events) {
    const auto [taken, is_first] = taken_events_.try_emplace(event, job);
    if (is_first) ++seen["events taken"];
    const bool is_own = taken->second == job || takes_over_from(taken->second, record);
    if (record.taken_events.count(event) != 1 || !is_own) {
      broken("W2", "event " + event + " was taken more than once");
    }
  }
  if (!record.settled) return;
  if (!record.left.empty()) left_something_.insert(job);
  if (settled_.insert(job).second) count_ending(record);
  judge_settled(job, record);
}

/// An undo that goes on with another one knows what that one has waited for.
bool World::takes_over_from(JobId other, const Record& record) const {
  const auto undoing = undoes_.find(other);
  return undoing != undoes_.end() && undoing->second == undone_job(record.definition);
}

void World::judge_calls(JobId job, const Record& record) const {
  for (const auto& [number, recorded] : record.calls_ended) {
    const CallId id{job, number};
    const auto reported = over_.find(id);
    const std::string call = "call " + std::to_string(number) + " of job " + to_text(job);
    const std::string as = " is recorded as " + std::string(name_of(recorded));
    if (reported == over_.end()) {
      const bool may_be = recorded == OutcomeKind::lost ||
                          (recorded == OutcomeKind::crashed && crashed_.contains(id));
      if (!may_be) broken("A1", call + as + " and never reported");
    } else if (!may_be_recorded_as(reported->second, recorded) && !crashed_.contains(id)) {
      broken("A1", call + " reported " + std::string(name_of(reported->second)) + " and" + as);
    }
  }
}

/// Once the pivot has succeeded there is only the way forward; until then the job must be able to
/// go back over it.
void World::judge_pivot(JobId job, const Record& record) const {
  const auto pivot = pivot_of(record.definition.steps);
  if (!pivot || undone_job(record.definition)) return;
  if (is_past_pivot(record) && record.turned_back) {
    broken("C4", "job " + to_text(job) + " turned back past its pivot");
  }
  const bool unsuccessful = record.settled && *record.settled != SettledState::succeeded;
  if (unsuccessful && is_applied(job, *pivot) && !record.left.contains(*pivot)) {
    broken("C4", "job " + to_text(job) + " went back, and its pivot took effect");
  }
}

void World::judge_events(const std::vector<storage::EventLine>& kept) const {
  std::set<std::string> ids;
  for (const storage::EventLine& line : kept) {
    ids.insert(line.id);
    const auto taken = taken_events_.find(line.id);
    if (taken != taken_events_.end() && line.given_to != taken->second) {
      broken("W2", "event " + line.id + " was taken by a job it was not given to");
    }
    if (line.job && line.given_to && line.job != line.given_to) {
      broken("W2", "event " + line.id + " was given to another job than it was sent to");
    }
    const bool is_over = line.given_to && settled_.contains(*line.given_to);
    if (is_over && taken == taken_events_.end()) {
      broken("W2", "event " + line.id + " was given to job " + to_text(*line.given_to) +
                       ", which has settled and never took it");
    }
  }
  for (const std::string& id : promised_events_) {
    if (!ids.contains(id)) broken("W2", "event " + id + " was acknowledged and is gone");
  }
}

void World::count_ending(const Record& record) {
  ++seen["jobs"];
  if (is_past_pivot(record)) ++seen["pivots passed"];
  if (record.definition.parent) ++seen["jobs that others started"];
  if (record.definition.origin) ++seen["reruns and undos"];
  seen["steps skipped"] += record.skipped.size();
  seen["effects left"] += record.left.size();
  if (record.turned_back && record.turned_back->kind == Cause::Kind::deadline) {
    ++seen["jobs over their deadline"];
  }
}

void World::judge_settled(JobId job, const Record& record) const {
  // What an undo takes away is gone from the job that did it.
  if (undone_.contains(job)) return;
  const auto& origin = record.definition.origin;
  const auto is_kept = [&origin](StepIndex index) {
    return origin && std::ranges::find(origin->kept, index, &KeptStep::step) != origin->kept.end();
  };
  for (StepIndex index = 0; index < record.definition.steps.size(); ++index) {
    if (is_kept(index)) continue;
    const auto step = steps_.find({undone_job(record.definition).value_or(job), index});
    const bool applied = step != steps_.end() && step->second.applied;
    const bool runs = step != steps_.end() && step->second.running;
    const std::string& id = record.definition.steps[index].id;
    if (runs) broken("A8", "job " + to_text(job) + " settled while step " + id + " runs");
    if (record.settled == SettledState::succeeded) {
      const bool is_skipped = record.skipped.contains(index);
      if (!applied && !is_skipped)
        broken("J4", "job " + to_text(job) + " succeeded without step " + id);
    } else if (is_saga(record.definition.steps[index].type) && applied &&
               !record.left.contains(index)) {
      broken("C1", "job " + to_text(job) + " settled, and the effect of step " + id + " is there");
    }
  }
}

}  // namespace stepd::simulation
