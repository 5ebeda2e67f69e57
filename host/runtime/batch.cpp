#include "host/runtime/batch.hpp"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "host/engine/json_compare.hpp"
#include "host/engine/json_value.hpp"
#include "host/engine/names.hpp"
#include "host/engine/planted_bug.hpp"
#include "host/engine/request_id.hpp"

namespace stepd::runtime {

namespace {

constexpr const char* not_recorded =
    "not recorded: the job changed at the same moment; look at it and ask again with the same "
    "request id";

template <typename T>
void append(std::vector<T>& to, std::vector<T>&& from) {
  if (to.empty()) {
    to = std::move(from);
    return;
  }
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

/// The same request again; or another one under its id (O1).
engine::Verdict answer_before(const engine::Derivation& asked, const storage::Underivable& why) {
  const bool same_kind = why.kind == asked.kind;
  if (same_kind && engine::may_be_one(why.content, asked.content)) return engine::Accepted{why.job};
  // Of an undo nothing is made but by a rerun, which goes on with it as another undo.
  const std::string_view verb = asked.goes_on ? "rerun" : engine::name_of(why.kind);
  return engine::Refused{engine::Refused::Why::request_taken,
                         "the request id \"" + asked.request_id + "\" was used for " +
                             std::string(verb) + " before (job " + engine::to_text(why.job) + ")" +
                             (same_kind ? ", with other content" : "") +
                             ": give each request its own"};
}

engine::Verdict undone_before(const engine::Derivation& asked, const storage::Underivable& why) {
  const std::string origin = "job " + engine::to_text(asked.origin);
  const std::string other = engine::to_text(why.job);
  std::string message = origin + " has its undo already: job " + other;
  if (asked.goes_on) message = origin + " has been gone on with already, by job " + other;
  message += why.failed ? ", which has left something: to undo the rest, rerun that one (stepctl "
                          "job rerun " +
                              other + ")"
                        : " (see: stepctl job show " + other + ")";
  return engine::Refused{engine::Refused::Why::wrong_state, std::move(message)};
}

/// What stands in the way of a rerun or an undo; or what it was answered before.
engine::Verdict verdict_of(const engine::Derivation& asked, const storage::Underivable& why) {
  using Why = storage::Underivable::Why;
  const bool undoes = asked.kind == engine::Origin::Kind::undo;
  const std::string origin = "job " + engine::to_text(asked.origin);
  const std::string other = engine::to_text(why.job);
  const auto refuse = [](engine::Refused::Why kind, std::string message) {
    return engine::Refused{kind, std::move(message)};
  };
  switch (why.why) {
    case Why::asked_before:
      return answer_before(asked, why);
    case Why::undone:
      if (undoes) return undone_before(asked, why);
      return refuse(engine::Refused::Why::wrong_state,
                    origin +
                        " cannot be rerun from a step: what it would keep is undone, or being "
                        "undone, by job " +
                        other + "; rerun it whole");
    case Why::relied_on:
      return refuse(
          engine::Refused::Why::wrong_state,
          origin + " is not undone while job " + other +
              ", a rerun, keeps what it did: undo, cancel or delete that one first (see: stepctl "
              "job show " +
              other + ")");
    case Why::gone:
      if (undoes && why.job != asked.origin) {
        return refuse(engine::Refused::Why::wrong_state,
                      origin + " cannot be gone on with: job " + other +
                          ", which it undoes, has been removed, and with it what its "
                          "compensations need to know");
      }
      if (why.job == asked.origin) {
        return refuse(engine::Refused::Why::not_found,
                      "there is no " + origin + " any more (see: stepctl job list)");
      }
      return refuse(engine::Refused::Why::wrong_state,
                    origin + " cannot be rerun from a step: what it would keep ran in job " +
                        other +
                        ", which has been removed, so whether it was undone is not known; "
                        "rerun it whole");
  }
  return engine::Accepted{};
}

SubmitAnswer answer_of(const engine::NewJob& job, const storage::SubmitResult& result) {
  const auto* duplicate = std::get_if<storage::Duplicate>(&result);
  if (!duplicate) return JobAccepted{job.id};
  const bool same = job.key && job.key->content == duplicate->content;
  if (same) return JobExists{duplicate->id};
  return KeyTaken{duplicate->id};
}

/// The same event sent again is no other (W2): members in any order, numbers by value.
EventAnswer answer_of(const engine::SentEvent& event, const storage::EventResult& result) {
  if (const auto* stored = std::get_if<storage::EventStored>(&result)) {
    return EventAccepted{.given_to = stored->given_to};
  }
  if (const auto* missed = std::get_if<storage::EventUndeliverable>(&result)) {
    return NoAddressee{missed->settled};
  }
  const storage::EventLine& first = std::get<storage::EventRepeated>(result).first;
  const bool same =
      first.key == event.key && first.job == event.job &&
      engine::are_same(engine::value_of(first.data.view()), engine::value_of(event.data.view()));
  if (!same) return EventIdTaken{};
  return EventAccepted{.given_to = first.given_to, .repeated = true};
}

}  // namespace

void Batch::add(engine::Turn turn, std::vector<engine::JobId> lost) {
  Part part;
  part.id = turn.batch;
  part.first_submit = submits_.size();
  part.first_change = changes_.size();
  part.first_event = events_.size();
  append(submits_, std::move(turn.submits));
  append(changes_, std::move(turn.changes));
  append(events_, std::move(turn.events));
  part.end_submit = submits_.size();
  part.end_change = changes_.size();
  part.effects = std::move(turn.effects);
  part.requests = std::move(turn.requests);
  part.lost = std::move(lost);
  answers_.resize(submits_.size());
  event_answers_.resize(events_.size());
  submit_fates_.resize(submits_.size(), Fate::open);
  change_fates_.resize(changes_.size(), Fate::open);
  parts_.push_back(std::move(part));
}

void Batch::commit(storage::Store& store, engine::Epoch epoch) {
  if (open() != 0) commit_range(store, epoch, size());
}

void Batch::commit_range(storage::Store& store, engine::Epoch epoch, std::size_t end) {
  const auto first = next_;
  const auto split = submits_.size();
  const auto last_split = split + changes_.size();
  const auto between = [first, end](std::size_t from, std::size_t to) {
    const auto low = std::clamp(first, from, to);
    return std::pair{low - from, std::clamp(end, from, to) - low};
  };
  const auto [submit, submits] = between(0, split);
  const auto [change, changes] = between(split, last_split);
  const auto [event, events] = between(last_split, size());
  try {
    take_over(store.commit(epoch, std::span(submits_).subspan(submit, submits),
                           std::span(changes_).subspan(change, changes),
                           std::span(events_).subspan(event, events)),
              end);
  } catch (const storage::StoreError& error) {
    if (error.kind != storage::StoreError::Kind::refused) throw;
    if (end - first == 1) {
      refuse_next(error.what());
      return;
    }
    commit_range(store, epoch, first + (end - first) / 2);
    commit_range(store, epoch, end);
  }
}

void Batch::take_over(const storage::BatchResult& result, std::size_t end) {
  std::size_t submit = 0;
  std::size_t change = 0;
  std::size_t event = 0;
  const auto set_going = [this](const auto& events) {
    set_going_.insert(set_going_.end(), events.begin(), events.end());
  };
  set_going(result.given);
  set_going(result.child_news);
  set_going(result.cancelled);
  for (; next_ < end; ++next_) {
    if (next_ < submits_.size()) {
      const auto& said = result.submits.at(submit++);
      answers_[next_] = answer_of(submits_[next_], said);
      const bool stored = std::holds_alternative<storage::Committed>(said);
      if (const auto* why = std::get_if<storage::Underivable>(&said)) {
        underivable_.emplace(next_, *why);
      }
      submit_fates_[next_] = stored ? Fate::committed : Fate::not_committed;
    } else if (const auto at = next_ - submits_.size(); at >= changes_.size()) {
      const auto& said = result.events.at(event++);
      event_answers_[at - changes_.size()] = answer_of(events_[at - changes_.size()], said);
    } else {
      const auto& said = result.changes.at(change++);
      const bool stored = std::holds_alternative<storage::Committed>(said);
      if (const auto* why = std::get_if<storage::Referred>(&said)) referred_.emplace(at, *why);
      change_fates_[at] = stored ? Fate::committed : Fate::not_committed;
    }
  }
}

void Batch::refuse_next(const std::string& message) {
  if (next_ < submits_.size()) {
    answers_[next_] = NotStorable{"the store does not take this job: " + message};
    submit_fates_[next_] = Fate::not_committed;
  } else if (const auto at = next_ - submits_.size(); at >= changes_.size()) {
    event_answers_[at - changes_.size()] = NotStored{"the store does not take it: " + message};
  } else {
    change_fates_[at] = Fate::refused;
  }
  ++next_;
}

void Batch::give_up_submits(const std::string& message) {
  for (; next_ < submits_.size(); ++next_) {
    answers_[next_] = NotStored{message};
    if (engine::planted(engine::PlantedBug::acknowledges_unstored)) {
      answers_[next_] = JobAccepted{submits_[next_].id};
    }
    submit_fates_[next_] = Fate::not_committed;
  }
}

Consequences Batch::conclude(bool with_rows) {
  Consequences to;
  std::size_t effects = 0;
  for (const Part& part : parts_) effects += part.effects.size();
  to.starts.reserve(effects);
  for (auto& part : parts_) {
    if (part.id != 0) to.outcomes.push_back(outcome_of(part));
    for (auto& effect : part.effects) carry_out(part, effect, to);
    append(to.requests, std::move(part.requests));
  }
  to.events = std::move(set_going_);
  if (with_rows) gather_rows(to.rows);
  return to;
}

engine::BatchOutcome Batch::outcome_of(const Part& part) const {
  engine::BatchOutcome outcome{
      .batch = part.id, .not_committed = part.lost, .refused = std::nullopt};
  for (auto at = part.first_submit; at < part.end_submit; ++at) {
    if (submit_fates_[at] != Fate::committed) outcome.not_committed.push_back(submits_[at].id);
  }
  for (auto at = part.first_change; at < part.end_change; ++at) {
    if (change_fates_[at] == Fate::committed) continue;
    // One refused job at a time parks; any other is reloaded, tries the same again and is refused
    // in its turn.
    if (change_fates_[at] == Fate::refused && !outcome.refused) {
      outcome.refused = changes_[at].job;
    } else {
      outcome.not_committed.push_back(changes_[at].job);
    }
  }
  return outcome;
}

bool Batch::allows(const Part& part, const engine::CommitEffect& effect) const {
  if (engine::planted(engine::PlantedBug::acts_before_commit)) return true;
  switch (effect.on) {
    case engine::CommitEffect::On::nothing:
      return true;
    case engine::CommitEffect::On::submit:
      return submit_fates_.at(part.first_submit + effect.item) == Fate::committed;
    case engine::CommitEffect::On::change:
      return change_fates_.at(part.first_change + effect.item) == Fate::committed;
  }
  return false;
}

void Batch::carry_out(Part& part, engine::CommitEffect& effect, Consequences& to) {
  if (auto* answer = std::get_if<engine::AnswerSubmit>(&effect.action)) {
    auto& said = answers_.at(part.first_submit + answer->submit);
    to.replies.emplace_back(answer->reply, std::move(said));
    return;
  }
  if (const auto* answer = std::get_if<engine::AnswerEvent>(&effect.action)) {
    EventAnswer said = SenderOver{};
    if (answer->event) said = std::move(event_answers_.at(part.first_event + *answer->event));
    to.replies.emplace_back(answer->reply, std::move(said));
    return;
  }
  if (const auto* derived = std::get_if<engine::AnswerDerived>(&effect.action)) {
    to.replies.emplace_back(derived->reply, verdict_on(part.first_submit + derived->submit));
    return;
  }
  const bool allowed = allows(part, effect);
  if (auto* start = std::get_if<engine::StartCall>(&effect.action)) {
    if (allowed) to.starts.push_back(std::move(start->request));
  } else if (auto* stop = std::get_if<engine::StopCall>(&effect.action)) {
    if (allowed) to.stops.push_back(*stop);
  } else if (auto* verb = std::get_if<engine::AnswerVerb>(&effect.action)) {
    if (!allowed) verb->verdict = refusal_of(part, effect);
    to.replies.emplace_back(verb->reply, std::move(verb->verdict));
  } else if (auto* blob = std::get_if<engine::AnswerBlob>(&effect.action)) {
    to.replies.emplace_back(blob->reply, allowed ? blob->status : engine::BlobStatus::fenced);
  }
}

engine::Verdict Batch::verdict_on(std::size_t submit) const {
  const engine::NewJob& job = submits_.at(submit);
  const auto why = underivable_.find(submit);
  if (why != underivable_.end()) return verdict_of(*job.derivation, why->second);
  if (submit_fates_.at(submit) == Fate::committed) return engine::Accepted{job.id};
  const SubmitAnswer& said = answers_.at(submit);
  if (const auto* refused = std::get_if<NotStorable>(&said)) {
    return engine::Refused{engine::Refused::Why::invalid, refused->message};
  }
  const auto* full = std::get_if<NotStored>(&said);
  return engine::Refused{engine::Refused::Why::not_stored, full ? full->message : not_recorded};
}

engine::Refused Batch::refusal_of(const Part& part, const engine::CommitEffect& effect) const {
  const auto why = referred_.find(part.first_change + effect.item);
  if (effect.on != engine::CommitEffect::On::change || why == referred_.end()) {
    return {engine::Refused::Why::wrong_state, not_recorded};
  }
  const std::string job = engine::to_text(changes_.at(why->first).job);
  const std::string by = engine::to_text(why->second.by);
  return {engine::Refused::Why::wrong_state,
          "job " + job + " is not deleted while job " + by +
              ", which refers to it, has not settled (see: stepctl job why " + by + ")"};
}

void Batch::gather_rows(std::vector<NewsFeed::Row>& rows) {
  for (std::size_t at = 0; at < submits_.size(); ++at) {
    if (submit_fates_[at] != Fate::committed) continue;
    auto& submit = submits_[at];
    rows.push_back({submit.id, 1, submit.at, std::move(submit.first_row)});
  }
  for (std::size_t at = 0; at < changes_.size(); ++at) {
    auto& change = changes_[at];
    if (change_fates_[at] != Fate::committed || change.row == 0) continue;
    rows.push_back({change.job, change.row, change.at, std::move(change.entries)});
  }
}

}  // namespace stepd::runtime
