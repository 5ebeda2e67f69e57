#include <algorithm>

#include "host/engine/codec.hpp"
#include "host/engine/derived_job.hpp"
#include "host/engine/engine_state.hpp"
#include "host/engine/planted_bug.hpp"
#include "host/engine/why.hpp"

namespace stepd::engine {

namespace {

/// A step whose record was refused is parked beside its call: what it did is not stated before that
/// is over (O3). Whoever asks before the call's report is taken has asked while it went on.
std::optional<Refused> refused_beside_call(std::span<const CallTable::Call> calls,
                                           const JobState& job, const Verb& verb) {
  if (verb.kind != Verb::Kind::skip && verb.kind != Verb::Kind::resolve) return std::nullopt;
  for (const CallTable::Call& call : calls) {
    const StepIndex step = call.track.step;
    const bool is_meant = job.definition->steps[step].id == verb.step &&
                          std::holds_alternative<Parked>(job.steps[step].condition);
    if (call.track.reported || !is_meant) continue;
    return Refused{Refused::Why::wrong_state,
                   "step \"" + verb.step + "\" of job " + to_text(job.id) +
                       " is in the middle of a call, which has been asked to stop; wait until it "
                       "is over (see: stepctl job why " +
                       to_text(job.id) + ")"};
  }
  return std::nullopt;
}

}  // namespace

void Engine::State::on(Submission& event) { accept({.submission = std::move(event)}); }

void Engine::State::on(VerbRequested& event) {
  ActiveJob* active = find(event.job);
  if (!active || active->leaving) {
    defer(event.job, std::move(event));
    return;
  }
  answer(*active, event);
}

void Engine::State::on(CallReported& event) {
  if (planted(PlantedBug::takes_late_reports)) {
    for (const auto& [number, other] : calls.of(event.call.job)) {
      if (!other.over) event.call.number = number;
    }
  }
  CallTrack* track = calls.find(event.call);
  if (!track || std::exchange(track->over, true)) return;
  lanes.give_back(track->quick);
  if (held.contains(event.call.job) && !has_call_alive(event.call.job)) held.erase(event.call.job);
  ActiveJob* active = find(event.call.job);
  if (!active) {
    defer(event.call.job, std::move(event));
    return;
  }
  touch(*active);
  lanes.measured(active->state().definition->steps[track->step].type, event.took);
  report(*active, std::move(event));
}

void Engine::State::on(CallOverran& event) {
  if (ActiveJob* active = find(event.call.job)) {
    take(*active, CallTooLong{event.call.number, event.silent});
  }
}

void Engine::State::on(BlobOffered& event) {
  ActiveJob* active = find(event.call.job);
  const CallTrack* track = calls.find(event.call);
  const bool is_alive = active && track && (!track->over || planted(PlantedBug::saves_when_over));
  if (!is_alive) {
    effects.push_back({.action = AnswerBlob{event.call, event.reply, BlobStatus::fenced}});
    return;
  }
  // The call's own phase: its step may have been given up beside it.
  const StepIndex step = track->step;
  const Phase phase = track->phase;
  const bool is_memo = event.kind == StepBlob::Kind::memo;
  if (!planted(is_memo ? PlantedBug::forgets_memos : PlantedBug::forgets_checkpoints)) {
    active->draft().blobs.push_back(
        {event.kind, step, phase, std::move(event.key), std::move(event.bytes)});
  }
  active->draft().effects.push_back(AnswerBlob{event.call, event.reply, BlobStatus::stored});
  touch(*active);
}

void Engine::State::on(JobsClaimed& event) {
  claim_pending = false;
  store_has_more = store_grew || event.jobs.size() >= claim_limit;
  store_grew = false;
  for (LoadedJob& job : event.jobs) take_in(std::move(job));
  if (event.next_due) note_due_in_store(*event.next_due);
}

void Engine::State::on(JobLoaded& event) {
  loading.erase(event.id);
  if (outdated.erase(event.id) != 0) return load(event.id);
  auto waiting = deferred.extract(event.id);
  const bool exists = event.job.has_value();
  if (event.job) take_in(std::move(*event.job));
  ActiveJob* active = find(event.id);
  if (!active) settle_doubts(event.id, 0);
  if (active && active->leaving) {
    // It came back and is on its way out again: what waits for it waits for that, too.
    if (!waiting.empty()) deferred.insert(std::move(waiting));
    return;
  }
  // Before reports come again: the one that cannot be kept would only be refused once more.
  if (refused_records.erase(event.id) != 0 && active) park_refused(*active);
  if (waiting.empty()) return;
  for (Event& each : waiting.mapped()) {
    if (auto* verb = std::get_if<VerbRequested>(&each)) {
      if (active) {
        answer(*active, *verb);
      } else {
        const Verdict verdict = exists ? unreadable(event.id) : not_found(event.id);
        effects.push_back({.action = AnswerVerb{verb->reply, verdict}});
      }
    } else if (auto* reported = std::get_if<CallReported>(&each)) {
      if (active) {
        report(*active, std::move(*reported));
      } else {
        calls.erase(reported->call);
      }
    }
  }
}

/// What had to stay in memory meanwhile can be set aside now.
void Engine::State::on(WaitsShortened&) {
  if (--shortening != 0) return;
  for (auto& [id, active] : jobs) {
    if (!active.leaving) touch(active);
  }
}

void Engine::State::on(CatalogueChanged& event) {
  for (const auto& [name, type] : event.catalogue->types) {
    const StepType* known = catalogue->find(name);
    if (!known || *known != type) types_to_offer.insert(name);
  }
  for (const auto& [name, builds] : event.catalogue->earlier) {
    if (!std::ranges::equal(catalogue->earlier_builds(name), builds)) types_to_offer.insert(name);
  }
  catalogue = std::move(event.catalogue);
  for (auto& [id, active] : jobs) {
    // What leaves memory just now is made due by the offer, once it has left.
    if (!active.leaving) touch(active);
  }
}

void Engine::State::on(ShutdownAsked&) {
  ending = true;
  for (auto& [id, active] : jobs) take(active, HostEnding{});
}

void Engine::State::on(EventSent& event) {
  if (event.by) {
    const CallTrack* track = calls.find(*event.by);
    if (!track || track->over) {
      effects.push_back({.action = AnswerEvent{event.reply, std::nullopt}});
      return;
    }
  }
  event.event.at = now.wall;
  events.push_back(std::move(event.event));
  effects.push_back({.action = AnswerEvent{event.reply, events.size() - 1}});
}

/// A job that is not here, or not any more, finds the event with its record: it is due.
void Engine::State::on(EventGiven& event) {
  ActiveJob* active = find(event.job);
  if (!active) {
    note_store_grew();
  } else if (active->leaving) {
    defer(event.job, std::move(event));
  } else {
    give(*active, std::move(event.given));
  }
}

void Engine::State::give(ActiveJob& active, GivenEvent given) {
  const EventNumber number = given.event.number;
  if (planted(PlantedBug::loses_given_event)) {
    active.draft().recorded_events.push_back(number);
    return;
  }
  // What ended the wait here is not on disk, and will not be: the store gave the event first. The
  // job is loaded anew then, and the event comes with it.
  const bool runs_ahead = active.batches_open != 0 || !active.draft().entries.empty();
  const Decision decision = take(active, EventArrived{std::move(given)});
  const auto* ignored = std::get_if<Ignored>(&decision);
  const bool is_known = ignored && ignored->why == Ignored::Why::repeated_request;
  if (ignored && !is_known && runs_ahead) return;
  touch(active);
  (ignored && !is_known ? active.draft().returned_events : active.draft().recorded_events)
      .push_back(number);
}

void Engine::State::accept(Acceptance accepted) {
  const JobId id = ids.next(now.wall);
  if (!has_room() || store_has_more || ending) {
    submit_unclaimed(id, std::move(accepted));
    return;
  }
  JobState state = fresh(id, accepted.submission.definition);
  ActiveJob& active = jobs.try_emplace(id.value, std::move(state)).first->second;
  active.first_batch = batch;
  active.write(std::exchange(accepted.first_row, {}), now.wall);
  active.acceptance = std::move(accepted);
  touch(active);
}

void Engine::State::submit_unclaimed(JobId id, Acceptance accepted) {
  JobHead head{.word = JobWord::queued, .due = now.wall};
  head.priority = accepted.submission.definition->priority;
  if (accepted.derivation) {
    JobState state = fresh(id, accepted.submission.definition);
    apply(state, JournalRow{1, now.wall, accepted.first_row});
    head.word = word_of(state);
  }
  const std::size_t item = submits.size();
  effects.push_back({CommitEffect::On::submit, item, answer_to(accepted, item)});
  std::string first_row = encode(accepted.first_row);
  submits.push_back(new_job(id, std::move(accepted), std::move(first_row), std::move(head)));
  note_store_grew();
}

NewJob Engine::State::new_job(JobId id, Acceptance accepted, std::string first_row,
                              JobHead head) const {
  Submission& event = accepted.submission;
  return {.id = id,
          .tenant = event.definition->tenant,
          .name = event.definition->name,
          .key = std::move(event.key),
          .head = std::move(head),
          .at = now.wall,
          .definition = std::move(event.encoded),
          .first_row = std::move(first_row),
          .derivation = std::move(accepted.derivation)};
}

EffectAction Engine::State::answer_to(const Acceptance& accepted, std::size_t item) {
  const ReplyToken reply = accepted.submission.reply;
  if (accepted.derivation) return AnswerDerived{reply, item};
  return AnswerSubmit{reply, item};
}

Decision Engine::State::take(ActiveJob& active, const JobEvent& event) {
  Decision decision = decide(active.state(), event, rulebook());
  if (auto* entries = std::get_if<Entries>(&decision)) {
    active.write(std::move(*entries), now.wall);
    touch(active);
  }
  return decision;
}

void Engine::State::report(ActiveJob& active, CallReported&& reported) {
  take_report(active, reported);
  reported_now.push_back(reported.call);
  CallTrack* track = calls.find(reported.call);
  if (!track) return;
  track->reported = std::make_unique<CallReported>(std::move(reported));
}

/// With what the call wants started and kept together with its outcome (W3).
void Engine::State::take_report(ActiveJob& active, const CallReported& reported) {
  const Outcome& outcome = reported.outcome;
  Decision decision = end_call(active.state(), reported.call.number, outcome, rulebook());
  auto* entries = std::get_if<Entries>(&decision);
  if (!entries) return;
  touch(active);
  std::optional<StepIndex> spawning;
  for (const Entry& entry : *entries) {
    if (const auto* spawned = std::get_if<ChildrenSpawned>(&entry)) spawning = spawned->step;
    if (outcome.checkpoint) keep_checkpoint(active, entry, *outcome.checkpoint);
  }
  active.write(std::move(*entries), now.wall);
  if (spawning) spawn(active, *spawning, outcome.spawns);
}

void Engine::State::keep_checkpoint(ActiveJob& active, const Entry& entry,
                                    const std::string& bytes) {
  const auto* moved = std::get_if<StepMoved>(&entry);
  const bool goes_on = moved && (std::holds_alternative<Suspended>(moved->to) ||
                                 std::holds_alternative<Succeeded>(moved->to));
  if (!goes_on || planted(PlantedBug::forgets_last_checkpoint)) return;
  // The phase that the call was of; a probe that succeeds moves its step on.
  const Phase phase = active.state().steps[moved->step].phase;
  active.draft().blobs.push_back({StepBlob::Kind::checkpoint, moved->step, phase, {}, bytes});
}

void Engine::State::answer(ActiveJob& active, const VerbRequested& event) {
  touch(active);
  if (event.verb.kind == Verb::Kind::remove && active.state().settled) {
    active.draft().remove = true;
    active.draft().effects.push_back(AnswerVerb{event.reply, Accepted{}});
    return;
  }
  const bool wants_another =
      event.verb.kind == Verb::Kind::rerun || event.verb.kind == Verb::Kind::undo;
  if (wants_another && active.state().settled) {
    answer_by_new_job(active, event);
    return;
  }
  if (const auto refused = refused_beside_call(calls.of(event.job), active.state(), event.verb)) {
    effects.push_back({.action = AnswerVerb{event.reply, *refused}});
    return;
  }
  const Decision decision = take(active, event.verb);
  if (event.verb.kind == Verb::Kind::priority && std::holds_alternative<Entries>(decision)) {
    lanes.take_back(active.state().id);
    active.unqueue_all();  // each of its steps gets a new place
  }
  if (const auto* refused = std::get_if<Refused>(&decision)) {
    effects.push_back({.action = AnswerVerb{event.reply, *refused}});
  } else if (std::holds_alternative<Entries>(decision) || !active.draft().entries.empty()) {
    active.draft().effects.push_back(AnswerVerb{event.reply, Accepted{}});
  } else if (active.batches_open != 0) {
    active.repeated.push_back(event);
  } else {
    effects.push_back({.action = AnswerVerb{event.reply, Accepted{}}});
  }
}

/// The origin stays as it is: whether it may be, and has not been before, the store says (J5).
void Engine::State::answer_by_new_job(const ActiveJob& origin, const VerbRequested& event) {
  auto derived = derive(origin.state(), event.verb);
  if (const auto* refused = std::get_if<Refused>(&derived)) {
    effects.push_back({.action = AnswerVerb{event.reply, *refused}});
    return;
  }
  auto& made = std::get<DerivedJob>(derived);
  std::string encoded = encode(made.definition);
  accept({.submission = {.reply = event.reply,
                         .definition =
                             std::make_shared<const JobDefinition>(std::move(made.definition)),
                         .encoded = std::move(encoded)},
          .derivation = std::move(made.derivation),
          .first_row = std::move(made.first_row)});
}

void Engine::State::answer_repeated(ActiveJob& active) {
  for (const VerbRequested& event : std::exchange(active.repeated, {})) {
    effects.push_back({.action = AnswerVerb{event.reply, Accepted{}}});
  }
}

void Engine::State::park_refused(ActiveJob& active) {
  take(active, RecordRefused{});
  const JobId id = active.state().id;
  for (const auto& [number, track] : calls.of(id)) {
    if (track.over) continue;
    held.insert(id);
    effects.push_back({.action = StopCall{{id, number}, StopCause::abandon}});
  }
}

bool Engine::State::has_call_alive(JobId id) const {
  return std::ranges::any_of(calls.of(id),
                             [](const CallTable::Call& call) { return !call.track.over; });
}

void Engine::State::take_in(LoadedJob loaded) {
  const JobId id = loaded.id;
  if (find(id)) return;
  RowTrim trim;
  std::optional<JobState> folded;
  try {
    folded = fold(loaded, [&](const JobState& job, const JournalRow& row) { trim.note(job, row); });
  } catch (const UnreadableRecord&) {
    set_unreadable_aside(loaded);
    return;
  }
  static_cast<void>(trim.take_droppable());
  ActiveJob& active = jobs.try_emplace(id.value, *std::move(folded)).first->second;
  active.trim() = std::move(trim);
  active.was_set_aside(loaded.head);
  active.head_on_record = std::move(loaded.head);
  touch(active);
  settle_doubts(id, active.state().calls);
  if (active.state().settled) return;
  // First of all: the store gave them before anything else could end those waits (W1).
  for (GivenEvent& given : loaded.given) give(active, std::move(given));
  HostGone gone;
  for (const CallTable::Call& call : calls.of(id)) gone.alive.insert(call.number);
  for (const CallId& call : settings.crashed) {
    if (call.job == id) gone.crashed.insert(call.number);
  }
  while (std::holds_alternative<Entries>(take(active, gone))) {
  }
  if (planted(PlantedBug::forgets_children)) loaded.children.clear();
  for (const ChildCounts& counts : loaded.children) take(active, ChildrenCame{counts});
  if (loaded.parent_turned_back) take(active, ParentTurnedBack{});
}

/// Damage, or a newer stepd's record: the job keeps still and is flagged; the others go on.
void Engine::State::set_unreadable_aside(const LoadedJob& loaded) {
  if (is_settled(loaded.head.word)) return;
  changes.push_back(
      {.job = loaded.id,
       .head =
           JobHead{.word = JobWord::parked, .attention = true, .priority = loaded.head.priority},
       .release = true});
}

void Engine::State::defer(JobId id, Event event) {
  deferred[id].push_back(std::move(event));
  if (!find(id)) load(id);
}

void Engine::State::load(JobId id) {
  if (loading.insert(id).second) requests.push_back(LoadJob{id});
}

}  // namespace stepd::engine
