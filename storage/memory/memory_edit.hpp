#pragma once

#include <set>
#include <utility>
#include <vector>

#include "storage/memory/memory_record.hpp"
#include "storage/store.hpp"

namespace stepd::storage {

/// Events that came for the job and do not stand in its journal yet.
[[nodiscard]] std::vector<engine::GivenEvent> given_events(const MemoryRecord& record, JobId job);

/// The last undo of the job, where failed ones were gone on with.
[[nodiscard]] std::optional<JobId> last_undo(const MemoryRecord& record, JobId origin);

/// What is known of the children of a job's steps as its journal is now.
[[nodiscard]] std::vector<engine::ChildCounts> child_counts(const MemoryRecord& record, JobId job);

/// A batch at work on copies of the record and of what is claimed: all of it is taken over at the
/// end, or nothing.
class MemoryEdit {
 public:
  MemoryEdit(MemoryRecord record, std::set<JobId> claimed)
      : record_(std::move(record)), claimed_(std::move(claimed)) {}

  [[nodiscard]] SubmitResult insert(const NewJob& submit);
  [[nodiscard]] ChangeResult apply(const Change& change);
  [[nodiscard]] EventResult insert(const SentEvent& event);
  /// What the changes so far have set going beside themselves.
  void tell(BatchResult& result);
  void shorten_waits(TimePoint now, engine::Duration by);
  std::size_t offer(const std::set<std::string>& types, TimePoint now, std::size_t limit);
  std::size_t expire(const Expiry& expiry, std::size_t limit);

  [[nodiscard]] MemoryRecord& record() { return record_; }
  [[nodiscard]] std::set<JobId>& claimed() { return claimed_; }

 private:
  using Job = MemoryRecord::Job;
  using WaitRow = MemoryRecord::WaitRow;
  using EventRow = MemoryRecord::EventRow;
  void write_waits(const Change& change);
  void write_children(const Change& change);
  [[nodiscard]] bool settle_child(const engine::ParentLink& parent,
                                  const engine::ChildOutcome& outcome);
  /// The parent has turned back already: the child, which did not know, is due.
  void heed(JobId child, const engine::ParentLink& parent, TimePoint now);
  void tell_parent(JobId parent, engine::StepIndex step, TimePoint now);
  void begin_wait(JobId job, const engine::EventWait& wait, TimePoint now);
  /// Gives it to the oldest wait on its key, if there is one.
  void offer_to_waits(EventRow& event, TimePoint now);
  void give(EventRow& event, JobId job, const engine::EventWait& wait, TimePoint now);
  void wake(JobId job, TimePoint now);
  [[nodiscard]] bool has_given(JobId job) const;

  void remove(JobId id, TimePoint at);
  void forget_derived(JobId gone);
  [[nodiscard]] std::optional<Underivable> undone(JobId origin) const;
  void copy_compensation_blobs(JobId from, Job& to) const;
  [[nodiscard]] std::optional<Underivable> objection(const engine::Derivation& derivation) const;
  [[nodiscard]] std::optional<JobId> unsettled_from(JobId origin) const;
  /// An unsettled job for whose sake this one stays.
  [[nodiscard]] std::optional<JobId> referring(JobId id) const;
  [[nodiscard]] std::optional<JobId> undone_by(JobId undo) const;
  [[nodiscard]] std::optional<JobId> relying_on(JobId origin) const;
  [[nodiscard]] std::optional<Duplicate> holder(const std::string& tenant,
                                                const engine::SubmitKey& key) const;

  MemoryRecord record_;
  std::set<JobId> claimed_;
  std::vector<EventGiven> given_;
  std::vector<ChildNews> child_news_;
  std::vector<ChildrenCancelled> cancelled_;
};

}  // namespace stepd::storage
