#include "host/rehearsal/ghost_world.hpp"

#include <algorithm>
#include <utility>

#include "host/engine/names.hpp"

namespace stepd::rehearsal {

using namespace engine;

namespace {

bool leaves_no_trace(OutcomeKind kind) {
  return kind == OutcomeKind::refused || kind == OutcomeKind::not_started;
}

}  // namespace

JsonText GhostWorld::output_of(StepIndex index) const {
  if (index < script_.outputs.size() && !script_.outputs[index].empty()) {
    return script_.outputs[index];
  }
  return JsonText("{}");
}

Act GhostWorld::act_at(StepPhase where, const Place& place) const {
  const auto part = script_.parts.find(where);
  if (part != script_.parts.end() && !part->second.acts.empty() && !mishaps_are_over_) {
    const std::vector<Act>& acts = part->second.acts;
    if (place.at < acts.size()) return acts[place.at];
    if (part->second.last_again) return acts.back();
  }
  return {.tells_truth = where.phase == Phase::probe};
}

void GhostWorld::begin(CallRequest request, const Record& record, SteadyPoint now) {
  ++calls_;
  const StepPhase where{request.step_index, request.phase};
  Place& place = places_[where];
  if (place.played) {
    const auto ended = record.calls_ended.find(*place.played);
    if (ended != record.calls_ended.end() && ended->second != OutcomeKind::lost) ++place.at;
  }
  place.played = request.id.number;
  GhostStep& step = steps_.at(where.step);
  step.running = true;
  if (!step.args) step.args = request.args;
  if (where.phase == Phase::compensate) {
    if (std::ranges::find(compensations_, where.step) == compensations_.end()) {
      compensations_.push_back(where.step);
    }
    step.compensation_began = true;
  }
  LiveCall call{.act = act_at(where, place), .since = now};
  call.request = std::move(request);
  if (call.act.at_once) take_effect(call, call.act.ends);
  const CallId id = call.request.id;
  live_.emplace(id, std::move(call));
}

void GhostWorld::stop(const StopCall& stop) {
  if (const auto call = live_.find(stop.call); call != live_.end()) {
    call->second.stopping = stop.cause;
  }
}

void GhostWorld::host_dies(const Record& record) {
  for (const auto& [number, started] : record.calls_started) {
    if (record.calls_ended.contains(number)) continue;
    GhostStep& step = steps_.at(started.step);
    step.resumes = false;
    if (started.phase == Phase::execute) step.may_be_applied = true;
    if (over_.insert(number).second) ++step.charged[static_cast<std::size_t>(started.phase)];
  }
  for (GhostStep& step : steps_) step.running = false;
  live_.clear();
}

void GhostWorld::undo(StepIndex index) {
  if (!std::exchange(steps_.at(index).applied, false)) return;
  undone_.push_back(index);
}

void GhostWorld::counts_anew(std::optional<StepIndex> step) {
  for (StepIndex index = 0; index < steps_.size(); ++index) {
    if (!step || *step == index) steps_[index].charged = {};
  }
}

LiveCall* GhostWorld::next_to_end(SteadyPoint now) {
  LiveCall* next = nullptr;
  for (auto& [id, call] : live_) {
    const bool may_end = call.stopping || call.since + call.act.lasts <= now;
    if (!may_end || (call.act.crashes && live_.size() > 1)) continue;
    const bool is_scripted = script_.parts.contains({call.request.step_index, call.request.phase});
    if (!next || is_scripted) next = &call;
    if (is_scripted) break;
  }
  return next;
}

std::optional<SteadyPoint> GhostWorld::overruns_at(const LiveCall& call) {
  if (call.overran || call.stopping) return std::nullopt;
  std::optional<Duration> bound;
  if (call.request.timeout != Duration::zero()) bound = call.request.timeout;
  if (call.act.silent && call.request.heartbeat != Duration::zero()) {
    bound = std::min(bound.value_or(call.request.heartbeat), call.request.heartbeat);
  }
  if (!bound || call.act.lasts < *bound) return std::nullopt;
  return call.since + *bound;
}

LiveCall* GhostWorld::overrunning(SteadyPoint now) {
  for (auto& [id, call] : live_) {
    const auto at = overruns_at(call);
    if (at && *at <= now) return &call;
  }
  return nullptr;
}

std::optional<SteadyPoint> GhostWorld::next_at() const {
  std::optional<SteadyPoint> next;
  for (const auto& [id, call] : live_) {
    const SteadyPoint at = overruns_at(call).value_or(call.since + call.act.lasts);
    next = std::min(next.value_or(at), at);
  }
  return next;
}

void GhostWorld::take_effect(const LiveCall& call, OutcomeKind kind) {
  const StepIndex index = call.request.step_index;
  GhostStep& step = steps_.at(index);
  if (call.request.phase == Phase::probe || leaves_no_trace(kind)) return;
  if (call.request.phase == Phase::execute) step.may_be_applied = true;
  if (!call.act.takes_effect) return;
  if (call.request.phase == Phase::compensate) return undo(index);
  step.applied = true;
  ++step.effects;
}

/// As the host is to count: see semantics A4.
void GhostWorld::charge(const LiveCall& call, OutcomeKind kind) {
  const bool is_free = kind == OutcomeKind::suspended || kind == OutcomeKind::not_started ||
                       kind == OutcomeKind::interrupted || call.stopping == StopCause::shutdown;
  if (!over_.insert(call.request.id.number).second || is_free) return;
  ++steps_.at(call.request.step_index).charged[static_cast<std::size_t>(call.request.phase)];
}

CallReported GhostWorld::end(const CallId& id, Now now) {
  const LiveCall call = std::move(live_.extract(id).mapped());
  GhostStep& step = steps_.at(call.request.step_index);
  OutcomeKind kind = call.stopping ? call.act.when_stopped : call.act.ends;
  if (call.act.tells_truth && !call.stopping) {
    kind = step.applied ? OutcomeKind::succeeded : OutcomeKind::no_effect;
  }
  if (!call.act.at_once) take_effect(call, kind);
  charge(call, kind);
  step.running = false;
  step.resumes = kind == OutcomeKind::suspended || call.stopping == StopCause::shutdown;
  Outcome outcome{.kind = kind, .retry_after = call.act.retry_after};
  if (kind == OutcomeKind::no_effect) step.may_be_applied = false;
  if (kind == OutcomeKind::succeeded) {
    if (call.request.phase != Phase::compensate) {
      step.output = call.act.output.empty() ? output_of(call.request.step_index) : call.act.output;
      outcome.output = *step.output;
    }
  } else if (kind == OutcomeKind::suspended) {
    const Duration wait = call.act.wait.value_or(std::chrono::seconds(1));
    outcome.wait = Wait{.due = Due{now.wall + wait, wait}};
  } else {
    outcome.error = {std::string(name_of(kind)), "as the script says", {}};
  }
  return {id, std::move(outcome), Duration::zero()};
}

void GhostWorld::crash(const CallId& id) {
  const LiveCall& call = live_.at(id);
  take_effect(call, OutcomeKind::crashed);
}

CodePart GhostWorld::code_part(const LiveCall& call) const {
  const Act& act = call.act;
  if (!script_.real.contains(call.request.step_index) || !act.takes_effect) return {};
  const bool overran = call.stopping == StopCause::timed_out || call.stopping == StopCause::silent;
  if (overran) return {.runs = true};
  if (call.stopping) {
    const bool hears = act.when_stopped == OutcomeKind::cancelled;
    return {.runs = true, .asked_to_stop = hears, .answers = true};
  }
  if (act.crashes) return {.runs = true, .crashes = true};
  return {.runs = true, .answers = act.ends == OutcomeKind::succeeded};
}

/// As far as its answer tells.
void GhostWorld::note_code(const LiveCall& call, const Outcome& own) {
  GhostStep& step = steps_.at(call.request.step_index);
  if (own.kind != OutcomeKind::succeeded) return;
  if (call.request.phase == Phase::compensate) return undo(call.request.step_index);
  step.applied = true;
  if (call.request.phase == Phase::execute) ++step.effects;
}

CallReported GhostWorld::end_after_code(const CallId& id, const CodePart& part, Outcome own) {
  const LiveCall call = std::move(live_.extract(id).mapped());
  GhostStep& step = steps_.at(call.request.step_index);
  note_code(call, own);
  Outcome outcome = std::move(own);
  if (!part.answers) {
    outcome = {.kind = call.stopping ? call.act.when_stopped : call.act.ends};
    outcome.error = {std::string(name_of(outcome.kind)), "put in the place of its answer", {}};
  }
  charge(call, outcome.kind);
  step.running = false;
  step.resumes = outcome.kind == OutcomeKind::suspended || call.stopping == StopCause::shutdown;
  const bool leaves_trace = !leaves_no_trace(outcome.kind);
  if (call.request.phase == Phase::execute && leaves_trace) step.may_be_applied = true;
  if (outcome.kind == OutcomeKind::no_effect) step.may_be_applied = false;
  const bool has_output =
      outcome.kind == OutcomeKind::succeeded && call.request.phase != Phase::compensate;
  if (has_output) step.output = outcome.output;
  return {id, std::move(outcome), Duration::zero()};
}

void GhostWorld::crash_after_code(const CallId& id, const Outcome& own) {
  const LiveCall& call = live_.at(id);
  note_code(call, own);
  if (call.request.phase == Phase::execute) {
    steps_.at(call.request.step_index).may_be_applied = true;
  }
}

}  // namespace stepd::rehearsal
