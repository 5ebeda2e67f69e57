#include "host/engine/engine.hpp"

#include <algorithm>

#include "host/engine/engine_state.hpp"

namespace stepd::engine {

void Engine::State::batch_settled(const BatchOutcome& outcome) {
  const auto open = std::ranges::find(batches, outcome.batch, &OpenBatch::id);
  if (open == batches.end()) return;
  OpenBatch closed = std::move(*open);
  batches.erase(open);
  const std::set<JobId> failed(outcome.not_committed.begin(), outcome.not_committed.end());
  for (const JobId id : failed) lose(id, closed.id);
  if (outcome.refused) {
    refused_records.insert(*outcome.refused);
    lose(*outcome.refused, closed.id);
    load(*outcome.refused);
  }
  for (const CallId& call : closed.reported) {
    if (!failed.contains(call.job) && outcome.refused != call.job) calls.erase(call);
  }
  for (const JobId id : closed.jobs) {
    ActiveJob* active = find(id);
    if (!active || active->batches_open == 0) continue;
    --active->batches_open;
    if (active->batches_open != 0) continue;
    answer_repeated(*active);
    if (std::exchange(active->says_more_later, false)) touch(*active);
    if (active->leaving) forget(id);
  }
}

void Engine::State::forget(JobId id) {
  const auto found = jobs.find(id.value);
  if (found == jobs.end()) return;
  timers.set(id, found->second.timer_set, std::nullopt);
  jobs.erase(found);
  if (loading.contains(id)) outdated.insert(id);
  if (deferred.contains(id)) load(id);
}

/// What failed may have been a change without a row: the next one, which begins a call, may then be
/// on disk all the same.
void Engine::State::settle_doubts(JobId id, std::uint64_t calls_on_record) {
  drop(id, [&](const CallTable::Call& call) {
    return call.track.in_doubt && call.number > calls_on_record;
  });
  for (CallTable::Call& call : calls.of(id)) call.track.in_doubt = false;
}

void Engine::State::lose(JobId id, BatchId failed_batch) {
  ActiveJob* active = find(id);
  if (!active) return;
  const bool never_existed = active->first_batch == failed_batch && active->first_batch != 0;
  std::vector<VerbRequested> repeated = std::move(active->repeated);
  timers.set(id, active->timer_set, std::nullopt);
  jobs.erase(id.value);
  if (loading.contains(id)) outdated.insert(id);
  if (never_existed) drop(id, [](const CallTable::Call&) { return true; });
  for (auto& [number, track] : calls.of(id)) {
    track.in_doubt = track.in_doubt || track.started_in >= failed_batch;
    if (!track.reported) continue;
    deferred[id].push_back(std::move(*track.reported));
    track.reported.reset();
  }
  for (VerbRequested& event : repeated) deferred[id].push_back(std::move(event));
  if (!never_existed || deferred.contains(id)) load(id);
}

Engine::Engine(EngineSettings settings, std::shared_ptr<const Catalogue> catalogue)
    : state_(std::make_unique<State>(std::move(settings), std::move(catalogue))) {}

Engine::~Engine() = default;

Turn Engine::turn(std::span<Event> events, Now now) {
  State& state = *state_;
  state.now = now;
  for (Event& event : events) {
    std::visit([&state](auto& alternative) { state.on(alternative); }, event);
  }
  state.fire_timers();
  for (std::size_t next = 0; next < state.touched.size(); ++next) {
    if (ActiveJob* active = state.find(state.touched[next])) state.follow_up(*active);
  }
  state.start_calls();
  state.changes.reserve(state.touched.size());
  state.effects.reserve(state.effects.size() + state.touched.size());
  for (const JobId id : std::exchange(state.touched, {})) {
    if (ActiveJob* active = state.find(id)) state.record(*active);
  }
  for (const JobId id : std::exchange(state.to_forget, {})) state.forget(id);
  state.ask_store();

  Turn turn{.submits = std::exchange(state.submits, {}),
            .changes = std::exchange(state.changes, {}),
            .events = std::exchange(state.events, {}),
            .effects = std::exchange(state.effects, {}),
            .requests = std::exchange(state.requests, {})};
  const bool records = !turn.submits.empty() || !turn.changes.empty() || !turn.events.empty();
  if (!records && turn.effects.empty()) return turn;
  turn.batch = state.batch++;
  state.batches.push_back(
      {turn.batch, std::exchange(state.jobs_in_batch, {}), std::exchange(state.reported_now, {})});
  return turn;
}

void Engine::settled(const BatchOutcome& outcome) { state_->batch_settled(outcome); }

std::optional<SteadyPoint> Engine::wake_at() const {
  std::optional<SteadyPoint> earliest = state_->timers.earliest();
  if (state_->store_due_at && (!earliest || state_->store_look_at < *earliest)) {
    earliest = state_->store_look_at;
  }
  // What the end of a batch brought about goes out with the next turn.
  const bool has_more = !state_->touched.empty() || !state_->requests.empty();
  if (has_more || !state_->effects.empty()) earliest = state_->now.steady;
  return earliest;
}

bool Engine::idle() const {
  return state_->lanes.taken() == 0 && state_->batches.empty() && state_->touched.empty();
}

Engine::Load Engine::load() const { return {state_->jobs.size(), state_->lanes.taken()}; }

std::map<std::string, Engine::StepsNow, std::less<>> Engine::steps_now() const {
  std::map<std::string, StepsNow, std::less<>> by_type;
  for (const auto& [id, active] : state_->jobs) {
    const JobState& job = active.state();
    for (const StepIndex step : job.progress.active) {
      const StepCondition& condition = job.steps[step].condition;
      const bool ready = std::holds_alternative<Ready>(condition);
      const bool in_call =
          std::holds_alternative<Running>(condition) || std::holds_alternative<Stopping>(condition);
      if (!ready && !in_call) continue;
      StepsNow& steps = by_type[job.definition->steps[step].type];
      ++(ready ? steps.ready : steps.in_calls);
    }
  }
  return by_type;
}

}  // namespace stepd::engine
