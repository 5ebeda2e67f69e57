#include "tests/simulation/world.hpp"

#include <algorithm>
#include <iterator>

#include "host/engine/job_state.hpp"
#include "host/engine/names.hpp"

namespace stepd::simulation {

using namespace engine;

namespace {

bool is_charged(OutcomeKind kind) {
  return kind == OutcomeKind::retry || kind == OutcomeKind::effect_unknown ||
         kind == OutcomeKind::cancelled;
}

}  // namespace

void World::accepted(JobId job, const std::string& key) {
  promise(job);
  if (key.empty()) return;
  const auto known = keys_.try_emplace(key, job).first;
  if (known->second != job) throw Broken("J3: key " + key + " names two jobs");
}

void World::derived(JobId origin, const Verb& verb, JobId job) {
  const auto known = derived_.try_emplace({origin, verb.request_id}, job).first;
  if (known->second != job) throw Broken("O1: one request made two jobs of " + to_text(origin));
  accepted(job, "");
  const auto goes_on_with = undoes_.find(origin);
  if (verb.kind == Verb::Kind::undo) note_undo(origin, job);
  if (verb.kind == Verb::Kind::rerun && goes_on_with != undoes_.end()) {
    note_undo(goes_on_with->second, job);
  }
}

/// A job is undone once; what its undo has left, by one more each time.
void World::note_undo(JobId undone, JobId by) {
  if (!undoes_.try_emplace(by, undone).second) return;
  const auto [last, is_first] = undone_.try_emplace(undone, by);
  if (is_first) return;
  ++seen["undos gone on with"];
  if (!left_something_.contains(last->second)) {
    throw Broken("J5: job " + to_text(by) + " undoes job " + to_text(undone) +
                 " once more, and job " + to_text(last->second) + " has left nothing");
  }
  gone_on_with_[by] = last->second;
  last->second = by;
}

std::optional<JobId> World::take_gone_on_with(JobId undo) {
  const auto node = gone_on_with_.extract(undo);
  return node.empty() ? std::nullopt : std::optional(node.mapped());
}

void World::starts(const CallRequest& request, const Record* record) {
  if (!record) {
    throw Broken("A1: a call of job " + to_text(request.id.job) +
                 " starts, and its job is not on disk");
  }
  promise(request.id.job);  // though nobody may have been told
  judge_start(request, *record);
  judge_derived(request, *record);
  note_start(request);
}

void World::note_start(const CallRequest& request) {
  const auto beside = running_.lower_bound({request.id.job, 0});
  if (beside != running_.end() && beside->first.job == request.id.job) {
    ++seen["calls beside others of their job"];
  }
  if (request.phase == Phase::probe) ++seen["probes"];
  if (request.phase == Phase::compensate) ++seen["compensations"];
  Step& step = steps_[key_of(request)];
  if (request.phase == Phase::execute) {
    const auto wanted = tried_again_.find(request.id.job);
    if (wanted != tried_again_.end()) wanted->second.insert(request.step_index);
  }
  if (request.phase == Phase::compensate) step.compensation_began = true;
  step.running = request.id;
  running_.emplace(request.id, Call{request});
}

World::StepKey World::key_of(JobId job, StepIndex step) const {
  const auto undoing = undoes_.find(job);
  return {undoing == undoes_.end() ? job : undoing->second, step};
}

bool World::is_applied(JobId job, StepIndex step) const {
  const auto known = steps_.find(key_of(job, step));
  return known != steps_.end() && known->second.applied;
}

bool World::is_running(JobId job, StepIndex step) const {
  const auto known = steps_.find(key_of(job, step));
  return known != steps_.end() && known->second.running;
}

void World::stops(const StopCall& stop) {
  const auto running = running_.find(stop.call);
  if (running == running_.end()) return;
  running->second.asked_to_stop = true;
}

/// Whoever watches over calls asks them to stop by himself, too.
void World::overran(CallId call) {
  const auto running = running_.find(call);
  if (running == running_.end()) return;
  running->second.asked_to_stop = true;
  ++seen["calls over their time"];
}

void World::operated(JobId job, const Verb& verb) {
  if (verb.kind == Verb::Kind::resolve && verb.truth == Verb::Truth::none) {
    resolved_none_.emplace(job, verb.step);
  }
  // Abandoning a pivot in doubt has it asked anew.
  const bool asks_anew = verb.kind == Verb::Kind::abandon;
  if (verb.kind != Verb::Kind::retry && !asks_anew) return;
  if (!asks_anew) {
    tried_again_[job].clear();
    for (auto& [id, call] : running_) {
      if (id.job == job) call.outlived_its_count = true;
    }
  }
  const JobId owner = key_of(job, 0).first;
  for (auto& [key, step] : steps_) {
    if (key.first != owner) continue;
    if (asks_anew) step.charged.erase(Phase::probe);
    if (!asks_anew) step.charged.clear();
  }
}

void World::host_dies(std::optional<CallId> crashed) {
  if (crashed) crashed_.insert(*crashed);
  for (auto& [id, call] : running_) {
    take_effect(call, OutcomeKind::lost);
    Step& step = steps_[key_of(call.request)];
    step.running.reset();
    if (!call.host_ends && !call.outlived_its_count) step.charged[call.request.phase].insert(id);
  }
  running_.clear();
}

OutcomeKind World::by_chance(const Call& call) {
  if (call.asked_to_stop && (call.host_ends || !calm) && chance_.below(2) == 0) {
    return chance_.below(3) == 0 ? OutcomeKind::not_started : OutcomeKind::cancelled;
  }
  if (call.request.phase == Phase::probe) return probed_by_chance(call);
  if (calm) return OutcomeKind::succeeded;
  if (call.request.executed_in && chance_.below(4) == 0) return OutcomeKind::failed;
  switch (chance_.below(12)) {
    case 0:
    case 1:
      return OutcomeKind::retry;
    case 2:
      return chance_.coin() ? OutcomeKind::effect_unknown : OutcomeKind::interrupted;
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

/// A probe may not know, and never lies.
OutcomeKind World::probed_by_chance(const Call& call) {
  const bool applied = steps_[key_of(call.request)].applied;
  const OutcomeKind truth = applied ? OutcomeKind::succeeded : OutcomeKind::no_effect;
  if (calm) return truth;
  switch (chance_.below(12)) {
    case 0:
    case 1:
      return OutcomeKind::effect_unknown;
    case 2:
      return OutcomeKind::retry;
    case 3:
      return chance_.coin() ? OutcomeKind::failed : OutcomeKind::bad_answer;
    case 4:
      return OutcomeKind::suspended;
    default:
      return truth;
  }
}

void World::take_effect(const Call& call, OutcomeKind kind) {
  if (call.request.phase == Phase::probe) return;
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
  const bool counts = is_charged(kind) && !call.host_ends && !call.outlived_its_count;
  if (counts) step.charged[call.request.phase].insert(call.request.id);
  over_[call.request.id] = kind;
  Outcome outcome{.kind = kind};
  if (kind == OutcomeKind::succeeded) {
    outcome.output = JsonText(R"({"n":)" + std::to_string(++outputs_) + "}");
  }
  if (kind == OutcomeKind::suspended) outcome.wait = wait_by_chance();
  if (kind != OutcomeKind::succeeded) outcome.error = {std::string(name_of(kind)), "by chance", {}};
  const auto took = std::chrono::microseconds(chance_.below(400));
  outcome.used = {.ran = took, .memory_kib = 4000};
  return CallReported{call.request.id, outcome, took};
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

const CallRequest* World::any_running() const {
  if (running_.empty()) return nullptr;
  auto chosen = running_.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(chance_.below(running_.size())));
  return &chosen->second.request;
}

}  // namespace stepd::simulation
