#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "storage/sqlite/database.hpp"
#include "storage/sqlite/folder_lock.hpp"
#include "storage/sqlite/job_file.hpp"
#include "storage/sqlite/job_rows.hpp"
#include "storage/sqlite/job_writer.hpp"
#include "storage/store.hpp"

namespace stepd::storage {

/// The file in a state folder.
[[nodiscard]] std::filesystem::path sqlite_file(const std::filesystem::path& folder);

/// Jobs in one SQLite file. It holds the state folder and the only connection that writes and
/// checkpoints: SQLite before 3.51.3 can damage a file whose WAL two connections restart at once.
/// One thread, the committer's. After damage or a failed sync everything fails as `broken`.
class SqliteStore final : public Store {
 public:
  explicit SqliteStore(const std::filesystem::path& folder, const SqliteOptions& options = {});

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
  bool tidy(Lull lull) override;
  [[nodiscard]] JobId highest_id() override;

 private:
  template <typename Work>
  auto unless_broken(const Work& work);
  template <typename Work>
  auto read(Epoch epoch, const Work& work);
  template <typename Work>
  auto write(Epoch epoch, const Work& work);

  void require_current(Epoch epoch);
  void checkpoint_after_commit();
  [[nodiscard]] std::optional<TimePoint> next_due(TimePoint now);
  [[nodiscard]] std::optional<LoadedJob> load_claimed(JobId id);

  const sqlite::FolderLock lock_;
  sqlite::JobFile file_;
  sqlite::TransactionWords transactions_;
  sqlite::JobWriter jobs_;
  sqlite::JobRows rows_;
  sqlite::Statement epoch_;
  sqlite::Statement raise_epoch_;
  sqlite::Statement due_later_;
  sqlite::OpenPriorities priorities_;
  sqlite::Statement highest_id_;
  std::string broken_;  // why; empty: it is not
};

}  // namespace stepd::storage
