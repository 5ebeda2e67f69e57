#include "tests/simulation/world.hpp"

#include <algorithm>
#include <iterator>

#include "host/engine/job_state.hpp"
#include "host/engine/names.hpp"

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

bool is_charged(OutcomeKind kind) {
  return kind == OutcomeKind::retry || kind == OutcomeKind::effect_unknown ||
         kind == OutcomeKind::cancelled;
}

/// A report may be recorded as what the host had seen before it came.
bool may_be_recorded_as(OutcomeKind reported, OutcomeKind recorded) {
  return reported == recorded || recorded == OutcomeKind::lost ||
         (recorded == OutcomeKind::timed_out &&
          (is_charged(reported) || reported == OutcomeKind::suspended));
}

}  // namespace

void World::accepted(JobId job, const std::string& key) {
  promised_.insert(job);
  if (key.empty()) return;
  const auto known = keys_.try_emplace(key, job).first;
  if (known->second != job) broken("J3", "key " + key + " names two jobs");
}

void World::derived(JobId origin, const Verb& verb, JobId job) {
  const auto known = derived_.try_emplace({origin, verb.request_id}, job).first;
  if (known->second != job) broken("O1", "one request made two jobs of " + to_text(origin));
  accepted(job, "");
}

/// What an undo does is about one job, and nothing of a rerun about what it has kept.
void World::judge_derived(const CallRequest& request, const Record& record) {
  if (request.executed_in) {
    const auto by = undone_.try_emplace(*request.executed_in, request.id.job).first;
    if (by->second != request.id.job) broken("J5", shown(request) + " undoes a job once more");
    if (request.phase == Phase::execute) broken("J5", shown(request) + " executes in an undo");
  }
  if (!record.definition.origin) return;
  for (const KeptStep& kept : record.definition.origin->kept) {
    if (kept.step == request.step_index) broken("J5", shown(request) + " is of a step it kept");
  }
}

void World::starts(const CallRequest& request, const Record* record) {
  if (!record) broken("A1", shown(request) + " starts, and its job is not on disk");
  if (record->definition.parent) promised_.insert(request.id.job);
  judge_start(request, *record);
  judge_derived(request, *record);
  Step& step = steps_[key_of(request)];
  if (step.running) broken("A8", shown(request) + " starts beside another call of its step");
  if (request.phase == Phase::compensate) {
    judge_way_back(request, *record);
    step.compensation_began = true;
  }
  step.running = request.id;
  running_.emplace(request.id, Call{request});
}

void World::judge_start(const CallRequest& request, const Record& record) const {
  if (record.settled) broken("J5", shown(request) + " starts, and its job has settled");
  if (!record.calls_started.contains(request.id.number)) {
    broken("A1", shown(request) + " starts before its start is on disk");
  }
  const auto known = steps_.find(key_of(request));
  if (known != steps_.end()) {
    const auto charged = known->second.charged.find(request.phase);
    const std::uint32_t attempts = charged == known->second.charged.end() ? 0 : charged->second;
    if (request.attempts_max != 0 && attempts >= request.attempts_max) {
      broken("A4", shown(request) + " starts after " + std::to_string(attempts) +
                       " charged attempts of " + std::to_string(request.attempts_max));
    }
    if (request.phase == Phase::execute && known->second.compensation_began) {
      broken("C3", shown(request) + " starts after the step's compensation began");
    }
    if (request.phase == Phase::execute && known->second.recorded_success) {
      broken("A1", shown(request) + " starts, and the step is recorded as succeeded");
    }
  }
  if (request.phase != Phase::execute) return;
  for (const StepIndex before : record.definition.steps[request.step_index].after) {
    if (record.succeeded.contains(before)) continue;
    broken("J4", shown(request) + " starts before step " + record.definition.steps[before].id +
                     " is recorded as done");
  }
}

void World::judge_way_back(const CallRequest& request, const Record& record) const {
  const std::vector<StepDefinition>& steps = record.definition.steps;
  if (const auto own = steps_.find(key_of(request)); own != steps_.end() && own->second.running) {
    broken("C3", shown(request) + " starts while the step still runs");
  }
  for (StepIndex later = request.step_index + 1; later < steps.size(); ++later) {
    const auto step = steps_.find({key_of(request).first, later});
    if (step == steps_.end()) continue;
    if (step->second.running) {
      broken("C2", shown(request) + " starts while step " + steps[later].id + " still runs");
    }
    const bool is_saga = steps[later].snapshot && steps[later].snapshot->kind == StepKind::saga;
    if (is_saga && step->second.applied && !record.left.contains(later) &&
        !decided_by_operator_.contains(request.id.job)) {
      broken("C2", shown(request) + " starts before step " + steps[later].id + " is undone");
    }
  }
}

void World::stops(CallId call) {
  if (const auto running = running_.find(call); running != running_.end()) {
    running->second.asked_to_stop = true;
  }
}

void World::overran(CallId call) {
  if (const auto running = running_.find(call); running != running_.end()) {
    running->second.overran = true;
  }
}

void World::operated(JobId job, Verb::Kind verb) {
  if (verb == Verb::Kind::skip || verb == Verb::Kind::resolve) decided_by_operator_.insert(job);
  if (verb != Verb::Kind::retry) return;
  const auto undone =
      std::ranges::find(undone_, job, [](const auto& entry) { return entry.second; });
  const JobId owner = undone == undone_.end() ? job : undone->first;
  for (auto& [key, step] : steps_) {
    if (key.first == owner) step.charged.clear();
  }
}

void World::host_dies() {
  for (auto& [id, call] : running_) {
    take_effect(call, OutcomeKind::lost);
    Step& step = steps_[key_of(call.request)];
    step.running.reset();
    ++step.charged[call.request.phase];
  }
  running_.clear();
}

OutcomeKind World::by_chance(const Call& call) {
  if (calm) return OutcomeKind::succeeded;
  if (call.asked_to_stop && chance_.below(2) == 0) {
    return chance_.below(3) == 0 ? OutcomeKind::not_started : OutcomeKind::cancelled;
  }
  switch (chance_.below(12)) {
    case 0:
    case 1:
      return OutcomeKind::retry;
    case 2:
      return OutcomeKind::effect_unknown;
    case 3:
      return call.request.phase == Phase::execute ? OutcomeKind::refused : OutcomeKind::retry;
    case 4:
      return chance_.below(3) == 0 ? OutcomeKind::failed : OutcomeKind::retry;
    case 5:
      return chance_.below(3) == 0 ? OutcomeKind::bad_answer : OutcomeKind::succeeded;
    case 6:
      return OutcomeKind::suspended;
    default:
      return OutcomeKind::succeeded;
  }
}

void World::take_effect(const Call& call, OutcomeKind kind) {
  if (kind == OutcomeKind::refused || kind == OutcomeKind::not_started) return;
  const bool happens = kind == OutcomeKind::succeeded || chance_.coin();
  if (!happens) return;
  Step& step = steps_[key_of(call.request)];
  step.applied = call.request.phase == Phase::execute;
}

std::optional<CallReported> World::end_one() {
  if (running_.empty()) return std::nullopt;
  auto chosen = running_.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(chance_.below(running_.size())));
  const OutcomeKind kind = by_chance(chosen->second);
  const Call call = chosen->second;
  running_.erase(chosen);
  take_effect(call, kind);
  Step& step = steps_[key_of(call.request)];
  step.running.reset();
  if (is_charged(kind)) ++step.charged[call.request.phase];
  over_[call.request.id] = kind;
  Outcome outcome{.kind = kind};
  if (kind == OutcomeKind::succeeded) outcome.output = JsonText(R"({"n":1})");
  if (kind == OutcomeKind::suspended) outcome.wait = wait_by_chance();
  if (kind != OutcomeKind::succeeded) outcome.error = {std::string(name_of(kind)), "by chance", {}};
  return CallReported{call.request.id, outcome, std::chrono::microseconds(chance_.below(400))};
}

Wait World::wait_by_chance() {
  const Due soon{{}, std::chrono::milliseconds(50)};
  if (chance_.coin()) return {.due = soon};
  if (chance_.below(4) == 0) return {.children = ChildWait{}};
  Wait wait{.key = event_keys.at(chance_.below(event_keys.size())), .takes_event = true};
  if (chance_.coin()) wait.due = soon;
  return wait;
}

std::optional<CallReported> World::late_report() {
  if (over_.empty()) return std::nullopt;
  auto chosen = over_.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(chance_.below(over_.size())));
  Outcome outcome{.kind = chance_.coin() ? OutcomeKind::succeeded : OutcomeKind::failed};
  if (outcome.kind == OutcomeKind::succeeded) outcome.output = JsonText(R"({"late":true})");
  return CallReported{chosen->first, outcome, {}};
}

std::optional<CallId> World::any_running() const {
  if (running_.empty()) return std::nullopt;
  auto chosen = running_.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(chance_.below(running_.size())));
  return chosen->first;
}

void World::judge(JobId job, const Record& record) {
  if (record.rows_after_settling != 0) broken("J5", "job " + to_text(job) + " goes on");
  for (const StepIndex step : record.succeeded) steps_[{job, step}].recorded_success = true;
  for (const auto& [number, recorded] : record.calls_ended) {
    const auto reported = over_.find({job, number});
    if (reported == over_.end()) {
      if (recorded != OutcomeKind::lost) {
        broken("A1", "call " + std::to_string(number) + " of job " + to_text(job) +
                         " is recorded as " + std::string(name_of(recorded)) +
                         " and never reported");
      }
    } else if (!may_be_recorded_as(reported->second, recorded)) {
      broken("A1", "call " + std::to_string(number) + " of job " + to_text(job) + " reported " +
                       std::string(name_of(reported->second)) + " and is recorded as " +
                       std::string(name_of(recorded)));
    }
  }
  for (const std::string& event : record.taken_events) {
    const auto [taken, is_first] = taken_events_.try_emplace(event, job);
    if (record.taken_events.count(event) != 1 || taken->second != job) {
      broken("W2", "event " + event + " was taken more than once");
    }
  }
  if (!record.settled) return;
  settled_.insert(job);
  judge_settled(job, record);
}

void World::judge_events(const std::vector<storage::EventLine>& kept) const {
  std::set<std::string> ids;
  for (const storage::EventLine& line : kept) {
    ids.insert(line.id);
    const auto taken = taken_events_.find(line.id);
    if (taken != taken_events_.end() && line.given_to != taken->second) {
      broken("W2", "event " + line.id + " was taken by a job it was not given to");
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

void World::judge_settled(JobId job, const Record& record) const {
  // What an undo takes away is gone from the job that did it.
  if (decided_by_operator_.contains(job) || undone_.contains(job)) return;
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
      if (!applied) broken("J4", "job " + to_text(job) + " succeeded without step " + id);
    } else if (record.definition.steps[index].snapshot->kind == StepKind::saga && applied) {
      broken("C1", "job " + to_text(job) + " settled, and the effect of step " + id + " is there");
    }
  }
}

}  // namespace stepd::simulation
