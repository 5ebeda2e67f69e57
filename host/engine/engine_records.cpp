#include <algorithm>
#include <set>
#include <string>

#include "host/engine/codec.hpp"
#include "host/engine/engine_state.hpp"
#include "host/engine/rules.hpp"
#include "host/engine/why.hpp"

namespace stepd::engine {
namespace {

/// A jump of the wall clock against the steady one that is worth looking at every timer for.
constexpr Duration clock_jump = std::chrono::seconds(1);

/// With the window half full, a job that would idle longer than this makes room for another.
constexpr Duration set_aside_when_crowded = std::chrono::milliseconds(50);

bool is_in_call(const StepState& step) {
  return std::holds_alternative<Running>(step.condition) ||
         std::holds_alternative<Stopping>(step.condition);
}

}  // namespace

void Engine::State::fire_timers() {
  const Duration offset = now.wall.time_since_epoch() - now.steady.time_since_epoch();
  const Duration jump = clock_offset ? offset - *clock_offset : Duration::zero();
  const bool jumped = std::chrono::abs(jump) > clock_jump;
  clock_offset = offset;
  if (jump < -clock_jump) {
    requests.push_back(ShortenWaits{-jump});
    ++shortening;
    if (store_due_at) *store_due_at += jump;
  }
  std::vector<JobId> due = timers.until(now.steady);
  if (jumped) {
    due.clear();
    for (const auto& [id, active] : jobs) due.push_back({id});
  }
  for (const JobId id : due) {
    ActiveJob* active = find(id);
    if (!active || active->leaving) continue;
    take(*active, active->over(now));
    active->reset_timers(now, jumped);
    touch(*active);
  }
  const bool store_due = store_due_at && (now.wall >= *store_due_at || now.steady >= store_look_at);
  if (!store_due) return;
  store_due_at.reset();
  note_store_grew();  // a claim on its way may have looked before what is due now was there
}

void Engine::State::follow_up(ActiveJob& active) {
  if (active.leaving || held.contains(active.state().id)) return;
  for (Entries next = follow(active.state(), rulebook()); !next.empty();
       next = follow(active.state(), rulebook())) {
    active.write(std::move(next), now.wall);
  }
  if (ending) return;
  for (const StepIndex step : active.state().progress.active) {
    const StepState& state = active.state().steps[step];
    if (!std::holds_alternative<Ready>(state.condition) || active.is_queued(step)) continue;
    if (obstacle(active.state(), step, *catalogue) != Obstacle::none) continue;
    active.queue(step);
    const bool quick = lanes.is_quick(active.state().definition->steps[step].type);
    const Duration waits_since = now.steady.time_since_epoch();
    lanes.wait(quick, {active.state().id, step},
               {.first = state.phase == Phase::compensate,
                .at = turn_of(TimePoint(waits_since), active.state().priority)});
  }
}

void Engine::State::start_calls() {
  if (ending) return;
  while (const auto next = lanes.next()) {
    ActiveJob* active = find(next->job);
    if (!active || !active->is_queued(next->step)) continue;
    active->unqueue(next->step);
    touch(*active);
    const StepState& step = active->state().steps[next->step];
    if (!std::holds_alternative<Ready>(step.condition) ||
        obstacle(active->state(), next->step, *catalogue) != Obstacle::none) {
      continue;
    }
    start_call(*active, next->step);
  }
}

void Engine::State::start_call(ActiveJob& active, StepIndex step) {
  active.write(start(active.state(), step, rulebook()), now.wall);
  if (!std::holds_alternative<Running>(active.state().steps[step].condition)) {
    follow_up(active);
    return;
  }
  auto request = std::make_unique<CallRequest>(request_of(active.state(), step, settings.epoch));
  request->quick = lanes.is_quick(request->type);
  // The wall clock may have been set back since.
  const Duration waited = now.wall - active.state().steps[step].ready_since;
  request->ready_since = now.steady - std::max(waited, Duration::zero());
  lanes.take(request->quick);
  calls.add(request->id,
            {.step = step, .phase = request->phase, .quick = request->quick, .started_in = batch});
  active.draft().effects.push_back(StartCall{std::move(request)});
}

void Engine::State::record(ActiveJob& active) {
  active.touched = false;
  active.reset_timers(now, false);
  note_timer(active);
  const bool removed = active.draft().remove;
  JobHead head = head_of(active);
  const bool settled = active.state().settled.has_value();
  const bool rests = !settled && can_be_set_aside(active);
  const bool has_row = !active.draft().entries.empty();
  const bool says_more = (has_row && settled) || rests || needs_to_be_seen(active, head);
  // Without a row nothing would tell the store that what it follows was lost: it waits for that.
  active.says_more_later = says_more && !has_row && active.batches_open != 0;
  const bool write_head = says_more && !active.says_more_later;
  const bool release = rests && write_head;
  if (release && head.due) head.wait = active.span();
  for (const Entry& entry : active.draft().entries) add_stop(active, entry);
  const bool nothing = active.draft().empty() && !release && !removed && !write_head;
  if (nothing) {
    forget_if_settled(active);
    return;
  }
  if (release) note_due_in_store(head.due);
  active.leaving = active.leaving || release || settled || removed;
  ++active.batches_open;
  jobs_in_batch.push_back(active.state().id);
  if (active.acceptance) {
    record_new(active, std::move(head), !active.leaving);
  } else {
    record_change(active, write_head ? std::optional(std::move(head)) : std::nullopt, release);
  }
}

void Engine::State::record_new(ActiveJob& active, JobHead head, bool claimed) {
  active.head_on_record = head;
  Draft draft = active.take_draft();
  const std::size_t item = submits.size();
  effects.push_back({CommitEffect::On::submit, item, answer_to(*active.acceptance, item)});
  NewJob job = new_job(active.state().id, std::move(*active.acceptance), encode(draft.entries),
                       std::move(head));
  job.claimed = claimed;
  submits.push_back(std::move(job));
  active.acceptance.reset();
  add_effects(CommitEffect::On::submit, item, std::move(draft.effects));
}

void Engine::State::record_change(ActiveJob& active, std::optional<JobHead> head, bool release) {
  if (head) active.head_on_record = *head;
  const bool settled = active.state().settled.has_value();
  std::vector<ChildGate> gates = active.gates(head && !settled);
  const bool heeds_parent = head && !settled && may_turn_back(active.state());
  Draft draft = active.take_draft();
  Change change{.job = active.state().id,
                .at = active.state().last_at,
                .head = std::move(head),
                .blobs = std::move(draft.blobs),
                .waits = std::move(draft.waits),
                .ended_waits = std::move(draft.ended_waits),
                .recorded_events = std::move(draft.recorded_events),
                .returned_events = std::move(draft.returned_events),
                .children = std::move(draft.children),
                .gates = std::move(gates),
                .cancelled_children = std::move(draft.cancelled_children),
                .parent = active.state().definition->parent,
                .outcome = outcome_for_parent(active.state()),
                .heeds_parent = heeds_parent,
                .release = release,
                .remove = draft.remove};
  if (!draft.entries.empty()) {
    change.row = active.state().rows;
    change.entries = encode(draft.entries);
    change.dropped_rows = active.trim().take_droppable();
  }
  changes.push_back(std::move(change));
  add_effects(CommitEffect::On::change, changes.size() - 1, std::move(draft.effects));
}

void Engine::State::add_effects(CommitEffect::On on, std::size_t item,
                                std::vector<EffectAction> actions) {
  for (EffectAction& action : actions) effects.push_back({on, item, std::move(action)});
}

void Engine::State::add_stop(ActiveJob& active, const Entry& entry) {
  const auto* moved = std::get_if<StepMoved>(&entry);
  const auto* stopping = moved ? std::get_if<Stopping>(&moved->to) : nullptr;
  if (!stopping) return;
  active.draft().effects.push_back(StopCall{{active.state().id, stopping->call}, stopping->cause});
}

JobHead Engine::State::head_of(const ActiveJob& active) const {
  const JobState& job = active.state();
  JobHead head{.word = word_of(job), .priority = job.priority};
  if (job.settled) {
    head.settled_at = job.last_at;
    return head;
  }
  bool can_go_on = held.contains(job.id);  // once its call is over
  std::set<std::string> also_needs;
  for (const StepIndex step : job.progress.active) {
    const StepState& state = job.steps[step];
    head.attention = head.attention || state.attention;
    const bool ready = std::holds_alternative<Ready>(state.condition);
    const auto* parked = std::get_if<Parked>(&state.condition);
    const Obstacle hindered = ready ? obstacle(job, step, *catalogue) : Obstacle::none;
    const bool waits_for_type = hindered == Obstacle::type_missing ||
                                hindered == Obstacle::version_unfit ||
                                (parked && parked->reason == ParkReason::crashes);
    const std::string& type = job.definition->steps[step].type;
    if (waits_for_type && head.needs.empty()) head.needs = type;
    if (waits_for_type && head.needs != type) also_needs.insert(type);
    can_go_on = can_go_on || (ready && hindered == Obstacle::none) || is_in_call(state);
  }
  const bool is_idle = head.word == JobWord::queued || head.word == JobWord::running;
  if (is_idle && !can_go_on && !head.needs.empty()) head.word = JobWord::waiting;
  head.due = can_go_on ? std::optional(now.wall) : active.due();
  head.also_needs.assign(also_needs.begin(), also_needs.end());
  return head;
}

bool Engine::State::needs_to_be_seen(const ActiveJob& active, const JobHead& head) {
  if (active.acceptance) return true;
  const auto stands_out = [](JobWord word) {
    return word == JobWord::compensating || word == JobWord::paused;
  };
  const JobHead& known = active.head_on_record;
  if (known.wait > Duration::zero()) return true;
  if (known.attention != head.attention || known.priority != head.priority) return true;
  // Whoever takes over after a crash must not find it waiting longer than it does.
  if (head.due && (!known.due || *head.due < *known.due)) return true;
  const bool needs_others = known.needs != head.needs || known.also_needs != head.also_needs;
  if (!known.due && needs_others) return true;
  if (known.word == JobWord::waiting && head.word != known.word) return true;  // it goes on
  if (head.word == JobWord::waiting && !head.needs.empty() && known.word != head.word) return true;
  return known.word != head.word && (stands_out(head.word) || stands_out(known.word));
}

bool Engine::State::can_be_set_aside(const ActiveJob& active) const {
  const JobState& job = active.state();
  if (active.has_queued() || shortening != 0 || held.contains(job.id)) return false;
  for (const StepIndex step : job.progress.active) {
    if (is_in_call(job.steps[step])) return false;
    if (std::holds_alternative<Ready>(job.steps[step].condition) &&
        obstacle(job, step, *catalogue) == Obstacle::none) {
      return false;
    }
  }
  const auto look_at = active.look_at();
  if (!look_at) return true;
  const bool crowded = jobs.size() * 2 > settings.window && store_has_more;
  return *look_at - now.steady > (crowded ? set_aside_when_crowded : settings.set_aside_after);
}

void Engine::State::forget_if_settled(ActiveJob& active) {
  if (active.state().settled && active.batches_open == 0) {
    active.leaving = true;
    to_forget.push_back(active.state().id);
  }
}

void Engine::State::note_timer(ActiveJob& active) {
  const auto look_at = active.leaving ? std::nullopt : active.look_at();
  timers.set(active.state().id, active.timer_set, look_at);
  active.timer_set = look_at;
}

void Engine::State::note_due_in_store(std::optional<TimePoint> due) {
  if (!due || (store_due_at && *store_due_at <= *due)) return;
  store_due_at = due;
  store_look_at = now.steady + std::max(Duration::zero(), *due - now.wall);
}

void Engine::State::ask_store() {
  if (!types_to_offer.empty()) {
    requests.push_back(OfferTypes{std::exchange(types_to_offer, {})});
    note_store_grew();
  }
  const bool wanted = store_has_more && !claim_pending && !ending;
  if (!wanted || jobs.size() * 4 >= settings.window * 3) return;
  claim_pending = true;
  claim_limit = settings.window - jobs.size();
  requests.push_back(ClaimJobs{claim_limit});
}

}  // namespace stepd::engine
