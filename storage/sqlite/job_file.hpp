#pragma once

#include <cstdint>
#include <filesystem>

#include "storage/sqlite/database.hpp"
#include "storage/store.hpp"

namespace stepd::storage {

struct SqliteOptions {
  // More would make commits dearer: at the end of one that has split a page SQLite looks through
  // its whole table of cached pages.
  std::uint64_t cache_bytes = 8 << 20;
  std::uint64_t wal_pages_max = 4000;  // a commit beyond it checkpoints, busy or not
  bool prewrite_wal = true;            // at start, so that no commit waits for the file to grow
};

namespace sqlite {

/// The one connection that writes and checkpoints, to a file that is ours, has the newest schema
/// and a WAL. The WAL is never truncated while it is open: a commit writes over what is there.
class JobFile {
 public:
  JobFile(const std::filesystem::path& file, const SqliteOptions& options);

  [[nodiscard]] Database& database() { return database_; }

  /// Moves the WAL into the file: when nothing else is to do, and within a commit when it has
  /// grown too large.
  void checkpoint_when_idle(Lull lull);
  void checkpoint_when_large();

 private:
  void set_up(const SqliteOptions& options);
  void fill_wal();
  void checkpoint();

  Database database_;
  const std::uint64_t wal_pages_max_;
  std::uint64_t checkpoint_at_;
};

}  // namespace sqlite
}  // namespace stepd::storage
