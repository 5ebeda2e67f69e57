#pragma once

#include <set>

#include "storage/memory/memory_record.hpp"
#include "storage/store.hpp"

namespace stepd::storage {

/// A batch at work on copies of the record and of what is claimed: all of it is taken over at the
/// end, or nothing.
class MemoryEdit {
 public:
  MemoryEdit(MemoryRecord record, std::set<JobId> claimed)
      : record_(std::move(record)), claimed_(std::move(claimed)) {}

  [[nodiscard]] SubmitResult insert(const NewJob& submit);
  [[nodiscard]] ChangeResult apply(const Change& change);
  void shorten_waits(TimePoint now, engine::Duration by);
  std::size_t offer(const std::set<std::string>& types, TimePoint now, std::size_t limit);
  std::size_t expire(const Expiry& expiry, std::size_t limit);

  [[nodiscard]] MemoryRecord& record() { return record_; }
  [[nodiscard]] std::set<JobId>& claimed() { return claimed_; }

 private:
  void remove(JobId id, TimePoint at);
  [[nodiscard]] std::optional<JobId> undo_of(JobId origin) const;
  [[nodiscard]] std::optional<Underivable> objection(const engine::Derivation& derivation) const;
  [[nodiscard]] std::optional<JobId> unsettled_from(JobId origin) const;
  [[nodiscard]] std::optional<Duplicate> holder(const std::string& tenant,
                                                const engine::SubmitKey& key) const;

  MemoryRecord record_;
  std::set<JobId> claimed_;
};

}  // namespace stepd::storage
