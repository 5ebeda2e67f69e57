#include "host/rehearsal/performance.hpp"

#include <algorithm>

#include "host/engine/codec.hpp"
#include "host/engine/names.hpp"
#include "host/engine/why.hpp"

namespace stepd::rehearsal {

using namespace engine;

namespace {

/// A job that is not at rest after so many turns never comes to rest.
constexpr std::uint64_t turns_max = 50'000;

bool is_in_call(const StepState& step) {
  return std::holds_alternative<Running>(step.condition) ||
         std::holds_alternative<Stopping>(step.condition);
}

}  // namespace

Performance::Performance(Setting setting, const Script& script, std::function<Ground()> open)
    : setting_(std::move(setting)),
      script_(script),
      open_(std::move(open)),
      ground_(open_()),
      stage_(*ground_.store, setting_.catalogue, setting_.stage, setting_.begin),
      world_(setting_.job->steps.size(), script_),
      judge_(*setting_.job),
      record_{.definition = *setting_.job} {}

Played Performance::run() && {
  submit();
  while (!is_spent()) {
    settle();
    if (let_moment_happen() || end_a_call() || pass_time() || resolve_doubt()) continue;
    break;
  }
  if (id_ && cut_short_.empty()) look_again();
  Played played = conclude();
  played.code = code_;
  played.cut_short = cut_short_;
  if (!script_.real.empty() && !code_is_silent_) played.not_tidied = tidy_up();
  if (code_is_silent_) played.cut_short = cut_short_;
  played.code_is_silent = code_is_silent_;
  played.code_calls = code_calls_;
  return played;
}

/// A client that got no answer asks again: under the same key, or by looking at what is there.
void Performance::submit() {
  if (id_ && !setting_.key) {
    submit_.reset();
    return;
  }
  submit_ = next_token_++;
  stage_.post(Submission{*submit_, setting_.job, encode(*setting_.job), setting_.key});
}

bool Performance::is_spent() {
  if (judge_.has_seen_enough() || !cut_short_.empty()) return true;
  if (turns_ < turns_max) return false;
  judge_.breach("O2: the job is not at rest after " + std::to_string(turns_) + " turns");
  return true;
}

/// Turns and commits until the engine has nothing more to say.
void Performance::settle() {
  for (; turns_ < turns_max; ++turns_) {
    const Stage::Advance advance = stage_.advance();
    take_over_rows();
    if (advance == Stage::Advance::died) {
      deliver();
      die({});
    } else if (advance == Stage::Advance::busy) {
      deliver();
    } else {
      return;
    }
  }
}

void Performance::die(std::set<CallId> crashed) {
  world_.host_dies(record_);
  ground_ = open_();
  stage_.restart(*ground_.store, std::move(crashed));
  saves_.clear();
  if (submit_) submit();
  if (!asked_) return;
  asked_.reset();
  // Whoever got no answer asks again at once where it was recorded, else when it is time again.
  if (verb_ && record_.request_ids.contains(verb_->request_id)) ask(*verb_);
}

void Performance::take_over_rows() {
  for (const runtime::NewsFeed::Row& row : stage_.take_rows()) {
    if (!id_) {
      id_ = row.job;
      state_ = fresh(row.job, setting_.job);
    } else if (*id_ != row.job) {
      judge_.breach("J3: a second job was recorded");
      continue;
    }
    JournalRow decoded{row.number, row.at, decode_entries(row.entries)};
    apply(state_, decoded);
    record_.add_row(decoded.entries);
    rows_.push_back(std::move(decoded));
  }
}

void Performance::deliver() {
  for (const BoxedCall& call : stage_.take_starts()) {
    CallRequest& request = *call;
    judge_.starts(request, record_, world_);
    world_.begin(std::move(request), record_, stage_.now().steady);
  }
  for (const StopCall& stop : stage_.take_stops()) world_.stop(stop);
  for (const auto& delivery : stage_.take_replies()) take_reply(delivery);
}

void Performance::take_reply(const runtime::ReplyDesk::Delivery& delivery) {
  const auto& [token, reply] = delivery;
  if (token == submit_) {
    submit_.reset();
    take_submit_answer(std::get<runtime::SubmitAnswer>(reply));
  } else if (token == asked_) {
    carried_out_ = std::holds_alternative<Accepted>(std::get<Verdict>(reply));
    asked_.reset();
  } else if (token == code_asked_) {
    code_answer_ = reply;
  } else {
    saves_.erase(token);
  }
}

void Performance::take_submit_answer(const runtime::SubmitAnswer& answer) {
  std::optional<JobId> named;
  if (const auto* accepted = std::get_if<runtime::JobAccepted>(&answer)) named = accepted->id;
  if (const auto* exists = std::get_if<runtime::JobExists>(&answer)) named = exists->id;
  if (!named) return judge_.breach("J2: the submit is refused");
  if (!id_) return judge_.breach("J2: the submit is acknowledged and not on disk");
  if (*named != *id_) judge_.breach("J3: the same submit names another job");
}

bool Performance::has_come(const Moment& moment) const {
  if (!id_) return false;
  if (moment.step.empty()) return name_of(word_of(state_)) == moment.state;
  const auto index = find_step(*setting_.job, moment.step);
  if (!index) return false;
  const StepState& step = state_.steps[*index];
  return name_of(step.condition) == moment.state && step.calls >= moment.calls_min &&
         (!moment.phase || step.phase == *moment.phase);
}

struct Performance::Happen {
  Performance& play;

  void operator()(const Verb& verb) const {
    Verb asked = verb;
    if (asked.request_id.empty()) asked.request_id = "moment " + std::to_string(play.moment_);
    play.ask(std::move(asked));
  }
  void operator()(const std::shared_ptr<const Catalogue>& catalogue) const {
    play.setting_.catalogue = catalogue;
    play.stage_.show(catalogue);
    ++play.moment_;
  }
  void operator()(const HostEnds&) const {
    ++play.moment_;
    play.end_host();
  }
  void operator()(const SubmittedAgain&) const {
    ++play.moment_;
    play.submit();
  }
};

bool Performance::let_moment_happen() {
  if (carried_out_) {
    const bool by_moment =
        moment_ < script_.moments.size() && verb_ && verb_->request_id.starts_with("moment ");
    if (by_moment && *carried_out_ == script_.moments[moment_].is_refused) {
      judge_.breach("O1: the verb of moment " + std::to_string(moment_) + " is " +
                    (*carried_out_ ? "carried out" : "refused"));
    }
    if (*carried_out_ && verb_) note_verb(*verb_);
    if (by_moment) ++moment_;
    carried_out_.reset();
    return true;
  }
  if (asked_ || moment_ >= script_.moments.size()) return false;
  if (!has_come(script_.moments[moment_])) return false;
  std::visit(Happen{*this}, script_.moments[moment_].happens);
  return true;
}

void Performance::note_verb(const Verb& verb) {
  const auto step = find_step(*setting_.job, verb.step);
  if (verb.kind == Verb::Kind::retry) world_.counts_anew(step);
  const bool undone = verb.kind == Verb::Kind::resolve && verb.truth == Verb::Truth::undone;
  if (undone && step) world_.undone_by_hand(*step);
}

void Performance::ask(Verb verb) {
  const bool decides = verb.kind == Verb::Kind::skip || verb.kind == Verb::Kind::resolve ||
                       verb.kind == Verb::Kind::retry;
  if (decides) judge_.decided_by_operator();
  verb_ = std::move(verb);
  asked_ = next_token_++;
  stage_.post(VerbRequested{*asked_, *id_, *verb_});
}

/// What a person finds out: it is done, or it is not and may be tried.
bool Performance::resolve_doubt() {
  if (!script_.doubt_is_resolved || !id_ || asked_) return false;
  for (StepIndex index = 0; index < state_.steps.size(); ++index) {
    const auto* parked = std::get_if<Parked>(&state_.steps[index].condition);
    if (!parked || parked->reason != ParkReason::effect_in_doubt) continue;
    Verb verb{.kind = Verb::Kind::retry,
              .step = setting_.job->steps[index].id,
              .reason = "looked at what is there",
              .request_id = "doubt " + std::to_string(doubts_++)};
    const bool done = world_.step(index).applied && state_.steps[index].phase != Phase::compensate;
    if (done) {
      verb.kind = Verb::Kind::resolve;
      verb.output = world_.output_of(index);
    }
    ask(std::move(verb));
    return true;
  }
  return false;
}

bool Performance::end_a_call() {
  const SteadyPoint now = stage_.now().steady;
  if (LiveCall* call = world_.overrunning(now)) {
    const bool silent = call->act.silent && call->since + call->request.heartbeat <= now &&
                        call->request.heartbeat != Duration::zero();
    call->overran = true;
    stage_.post(CallOverran{call->request.id, silent});
    return true;
  }
  LiveCall* call = world_.next_to_end(now);
  if (!call) return false;
  if (call->saved < call->act.saves.size()) {
    save(*call);
    return true;
  }
  const CallId id = call->request.id;
  const CodePart part = world_.code_part(*call);
  if (part.runs) ++code_calls_;
  if (part.runs && setting_.code) {
    call_code(id, CallRequest(call->request), part);
  } else if (call->act.crashes && !call->stopping) {
    world_.crash(id);
    die({id});
  } else {
    stage_.post(world_.end(id, stage_.now()));
  }
  return true;
}

void Performance::save(LiveCall& call) {
  const Saved& saved = call.act.saves[call.saved++];
  const ReplyToken token = next_token_++;
  saves_.emplace(token, call.request.id);
  stage_.post(BlobOffered{call.request.id, token, saved.kind, saved.key, saved.bytes});
}

/// To whatever is due next, of the engine or of a call.
bool Performance::pass_time() {
  std::optional<SteadyPoint> next = stage_.wake_at();
  if (const auto call = world_.next_at()) next = std::min(next.value_or(*call), *call);
  if (!next) return false;
  stage_.pass_to(*next);
  ++turns_;
  return true;
}

/// Orderly: no call is under way any more when the next host takes over.
void Performance::end_host() {
  stage_.post(ShutdownAsked{});
  settle();
  while (world_.any_running() && turns_ < turns_max) {
    static_cast<void>(end_a_call() || pass_time());
    settle();
  }
  die({});
}

/// Another host takes over, and must find nothing to do at once.
void Performance::look_again() {
  const std::size_t rows = rows_.size();
  const auto kept = ground_.reader->find(*id_);
  if (!kept) return judge_.breach("J2: the job was acknowledged and is gone");
  JobState folded = fold(*kept);
  folded.definition = state_.definition;
  if (folded != state_) {
    judge_.breach("D6: the journal as kept does not fold to the state that all its rows do");
  }
  const bool waits = std::ranges::any_of(state_.steps, is_in_call);
  if (waits) judge_.breach("A1: the record says that a call is under way, and there is none");
  die({});
  settle();
  if (rows_.size() != rows) {
    judge_.breach("D2: a job at rest goes on when another host takes over");
  }
}

Played Performance::conclude() {
  if (!id_) {
    judge_.breach("J2: the job was never recorded");
    return {.breaches = judge_.breaches()};
  }
  if (cut_short_.empty()) judge_.at_rest(record_, world_, state_);
  Played played{.state = state_, .word = word_of(state_), .record = record_};
  for (StepIndex index = 0; index < world_.size(); ++index) {
    played.world.push_back(world_.step(index));
    played.blobs.push_back(ground_.reader->blobs(*id_, index));
  }
  played.undone = world_.undone();
  played.compensations = world_.compensations();
  played.breaches = judge_.breaches();
  for (std::size_t moment = moment_; moment < script_.moments.size(); ++moment) {
    played.moments_left += script_.moments[moment].may_not_come ? 0 : 1;
  }
  played.calls = world_.calls();
  played.commits = stage_.commits();
  played.took = rows_.back().at - rows_.front().at;
  played.rows = std::move(rows_);
  return played;
}

}  // namespace stepd::rehearsal
