#pragma once

#include <mutex>
#include <set>

#include "storage/memory/memory_record.hpp"
#include "storage/store.hpp"

namespace stepd::storage {

/// A store that lives as long as its process: for simulations and tests, and the yardstick of what
/// the other backends do. It keeps the encoded bytes as they would. Store and Reader in one: the
/// writing side is one thread's, the reading side any thread's.
class MemoryStore final : public Store, public Reader {
 public:
  MemoryStore() = default;
  /// What a crash leaves behind: the record alone, without what this process knew beside it.
  explicit MemoryStore(MemoryRecord record) : record_(std::move(record)) {}

  /// What is committed. Any thread.
  [[nodiscard]] MemoryRecord snapshot() const;

  [[nodiscard]] Epoch acquire() override;
  using Store::commit;
  [[nodiscard]] BatchResult commit(Epoch epoch, std::span<const NewJob> submits,
                                   std::span<const Change> changes,
                                   std::span<const SentEvent> events) override;
  [[nodiscard]] Claim claim(Epoch epoch, TimePoint now, std::size_t limit) override;
  [[nodiscard]] std::optional<LoadedJob> load(Epoch epoch, JobId id) override;
  void shorten_waits(Epoch epoch, TimePoint now, engine::Duration by) override;
  std::size_t offer(Epoch epoch, const std::set<std::string>& types, TimePoint now,
                    std::size_t limit) override;
  std::size_t expire(Epoch epoch, const Expiry& expiry, std::size_t limit) override;
  bool tidy(Lull /*lull*/) override { return false; }
  [[nodiscard]] JobId highest_id() override;

  [[nodiscard]] std::vector<JobLine> page(const JobFilter& filter, std::optional<JobId> before,
                                          std::size_t limit) override;
  [[nodiscard]] std::optional<LoadedJob> find(JobId id) override;
  [[nodiscard]] std::vector<engine::StoredRow> journal(JobId id, std::uint64_t after,
                                                       std::size_t limit) override;
  [[nodiscard]] std::vector<engine::StepBlob> blobs(JobId id, engine::StepIndex step) override;
  [[nodiscard]] std::vector<ChildLine> children(JobId parent,
                                                const std::optional<ChildPlace>& after,
                                                std::size_t limit) override;
  [[nodiscard]] std::optional<ChildLine> child(JobId parent, const ChildPlace& place) override;
  [[nodiscard]] std::vector<ChildLine> settled_children(JobId parent, engine::StepIndex step,
                                                        std::uint32_t after,
                                                        std::size_t limit) override;
  [[nodiscard]] std::vector<EventLine> events(const EventFilter& filter,
                                              std::optional<engine::EventNumber> before,
                                              std::size_t limit) override;
  [[nodiscard]] std::vector<DerivedLine> derived(JobId origin, std::size_t limit) override;
  [[nodiscard]] std::optional<JobId> undo_of(JobId origin) override;
  [[nodiscard]] std::vector<Count> counts() override;
  [[nodiscard]] Facts facts() override;
  [[nodiscard]] std::optional<JobId> oldest_unsettled() override;

 private:
  void require_current(Epoch epoch) const;
  [[nodiscard]] LoadedJob loaded(JobId id) const;

  mutable std::mutex mutex_;
  MemoryRecord record_;
  std::set<JobId> claimed_;
};

}  // namespace stepd::storage
