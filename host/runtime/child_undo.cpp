#include "host/runtime/child_undo.hpp"

#include <utility>

#include "host/engine/derived_job.hpp"

namespace stepd::runtime {
namespace {

using engine::ChildOutcome;
using engine::JobWord;

/// How an undo that has settled has ended. One that left something can be gone on with.
ChildOutcome outcome_of(const std::optional<engine::LoadedJob>& undo, const std::string& id) {
  if (!undo) {
    return {.word = JobWord::failed,
            .error = {"undo_removed",
                      "job " + id + ", which undid it, has been removed: how it ended is not known",
                      {}}};
  }
  ChildOutcome outcome{.word = undo->head.word};
  if (outcome.word != JobWord::compensated) {
    outcome.error = {"undo_failed",
                     "job " + id +
                         ", which undoes it, has left something; to go on with it, rerun "
                         "it (stepctl job rerun " +
                         id + ")",
                     {}};
  }
  return outcome;
}

/// The request id is the same for every call, so that all of them ask for one undo.
engine::Verb undo_for(engine::JobId starter, const engine::CallRequest& call,
                      const std::string& key) {
  return {.kind = engine::Verb::Kind::undo,
          .reason = "the step that started it is compensated",
          .request_id =
              engine::idempotency_key(starter, call.step, engine::Phase::compensate) + "/" + key};
}

}  // namespace

plugin::CheckedUndo check_undo(storage::Reader& reader, const engine::CallRequest& call,
                               const std::string& key) {
  const engine::JobId starter = call.executed_in.value_or(call.id.job);
  const auto line = reader.child(starter, {call.step_index, key});
  // Also when it was never started: execute may have died before it asked for it.
  const bool succeeded = line && line->outcome && line->outcome->word == JobWord::succeeded;
  if (!succeeded) return plugin::NothingToUndo{};
  if (reader.undo_of(line->job)) return plugin::UndoneAlready{};
  const auto loaded = reader.find(line->job);
  if (!loaded) {
    return "job " + engine::to_text(line->job) +
           " has been removed: what it did cannot be undone any more";
  }
  if (reader.child(call.id.job, {call.step_index, engine::name_of_undo(key)})) {
    const std::string id = engine::to_text(line->job);
    return "job " + id + " could not be undone, because a rerun keeps what it did, say; undo it " +
           "once it can be (stepctl job undo " + id + "), and retry this step";
  }
  const engine::JobState child = engine::fold(*loaded);
  if (!engine::has_anything_to_undo(child)) return plugin::NothingToUndo{};
  auto derived = engine::derive(child, undo_for(starter, call, key));
  if (auto* refused = std::get_if<engine::Refused>(&derived)) return std::move(refused->message);
  return std::make_shared<const engine::DerivedJob>(
      std::get<engine::DerivedJob>(std::move(derived)));
}

std::optional<plugin::ChildNow> child_undo(storage::Reader& reader, engine::JobId starter,
                                           const storage::ChildPlace& place) {
  const auto line = reader.child(starter, place);
  const auto undo = line ? reader.undo_of(line->job) : std::nullopt;
  if (!undo) return std::nullopt;
  plugin::ChildNow now{.key = place.key, .job = *undo, .number = 0, .outcome = {}};
  const auto loaded = reader.find(*undo);
  const bool goes_on = loaded && !engine::is_settled(loaded->head.word);
  if (!goes_on) now.outcome = outcome_of(loaded, engine::to_text(*undo));
  return now;
}

}  // namespace stepd::runtime
