#pragma once

#include <string>

#include "storage/store.hpp"

/// What every backend refuses to keep, so that a record means the same in all of them. SQLite's
/// schema repeats it as constraints.
namespace stepd::storage {

[[noreturn]] inline void refuse(JobId id, const std::string& fact) {
  throw StoreError{StoreError::Kind::refused,
                   "job " + engine::to_text(id) + " cannot be kept: " + fact};
}

/// Of a job that undoes another, being compensated is the success.
inline bool is_success(const engine::ParentLink& parent, engine::JobWord word) {
  return word == engine::JobWord::succeeded ||
         (word == engine::JobWord::compensated && engine::is_name_of_undo(parent.key));
}

/// How a child counts as settled that must not come from its origin: another job got there first.
inline engine::ChildOutcome outcome_of_unmade() {
  return {.word = engine::JobWord::failed,
          .error = {"not_made", "another job undid its origin first; this one was never made", {}}};
}

inline void require_storable(JobId id, const engine::JobHead& head) {
  if (engine::is_settled(head.word) != head.settled_at.has_value()) {
    refuse(id, "a head has a time of settling exactly when it is settled");
  }
  if (head.settled_at && head.due) refuse(id, "it is settled and due");
  if (head.priority < engine::priority_min || head.priority > engine::priority_max) {
    refuse(id, "its priority is " + std::to_string(head.priority));
  }
}

inline void require_storable(const NewJob& job) {
  if (job.id.value <= 0) refuse(job.id, "its id is not positive");
  if (job.key && job.key->content.bytes.size() != 32) {
    refuse(job.id, "the content hash of its key has " +
                       std::to_string(job.key->content.bytes.size()) + " bytes instead of 32");
  }
  require_storable(job.id, job.head);
}

/// `last_row` is the highest on record once the change's own row is.
inline void require_storable(const Change& change, std::uint64_t last_row) {
  if (change.head) require_storable(change.job, *change.head);
  for (const std::uint64_t row : change.dropped_rows) {
    if (row <= 1 || row >= last_row) {
      refuse(change.job, "row " + std::to_string(row) + " is not in the middle of its journal");
    }
  }
  for (const engine::StepBlob& blob : change.blobs) {
    if (blob.kind == engine::StepBlob::Kind::checkpoint && !blob.key.empty()) {
      refuse(change.job, "a checkpoint has the key '" + blob.key + "'");
    }
  }
}

}  // namespace stepd::storage
