#pragma once

#include <condition_variable>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "storage/store.hpp"

namespace stepd::storage {

/// Reads what a SqliteStore has committed, over a few connections of its own that never write and
/// never checkpoint. Any thread; one more than there are connections waits for one to be free.
/// It is made after the store and ends before it.
class SqliteReader final : public Reader {
 public:
  explicit SqliteReader(const std::filesystem::path& folder, std::size_t connections_max = 4);
  ~SqliteReader() override;

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
  class Connection;
  class Borrowed;
  [[nodiscard]] std::unique_ptr<Connection> take();
  void give_back(std::unique_ptr<Connection> connection);

  const std::filesystem::path file_;
  const std::size_t connections_max_;

  std::mutex mutex_;
  std::condition_variable given_back_;
  std::vector<std::unique_ptr<Connection>> free_;
  std::size_t connections_ = 0;
};

}  // namespace stepd::storage
