#include "storage/sqlite/job_file.hpp"

#include <string>
#include <system_error>

#include "storage/sqlite/schema.hpp"
#include "storage/store.hpp"

namespace stepd::storage::sqlite {
namespace {

constexpr std::uint64_t page_bytes = 4096;

/// A host that was killed leaves a WAL of full size behind.
std::uint64_t wal_bytes(const std::filesystem::path& file) {
  std::error_code absent;
  const std::uintmax_t size = std::filesystem::file_size(file.string() + "-wal", absent);
  return absent ? 0 : size;
}

}  // namespace

JobFile::JobFile(const std::filesystem::path& file, const SqliteOptions& options)
    : database_(file, Database::Access::write),
      wal_pages_max_(options.wal_pages_max),
      checkpoint_at_(options.wal_pages_max) {
  set_up(options);
}

void JobFile::set_up(const SqliteOptions& options) {
  require_ours(database_, migrations());
  use_wal(database_);
  database_.run("PRAGMA synchronous = FULL");
  database_.run("PRAGMA temp_store = MEMORY");
  database_.run("PRAGMA secure_delete = FAST");  // no page is written only to be wiped
  database_.run("PRAGMA cache_size = -" + std::to_string(options.cache_bytes / 1024));
  migrate(database_, migrations());
  if (options.prewrite_wal && wal_bytes(database_.file()) < wal_pages_max_ * page_bytes) fill_wal();
}

// Writing the version anew puts one page into the WAL, whereas an update that changes nothing puts
// none. Unsynced, because the checkpoint syncs it all before anything is told to anybody. On a full
// disk the commits that come will say so.
void JobFile::fill_wal() {
  const int version = migrations().back().version;
  Statement touch{database_, "PRAGMA user_version = " + std::to_string(version)};
  database_.run("PRAGMA synchronous = OFF");
  try {
    for (std::uint64_t page = 0; page < wal_pages_max_; ++page) touch.run();
  } catch (const StoreError& error) {
    if (error.kind != StoreError::Kind::full) throw;
  }
  database_.run("PRAGMA synchronous = FULL");
  checkpoint();
}

void JobFile::checkpoint_when_idle(Lull lull) {
  // A checkpoint costs two syncs however little there is to move.
  const std::uint64_t worth_it = lull == Lull::quiet ? 1 : wal_pages_max_ / 4;
  if (database_.wal_pages_unmoved() >= worth_it) checkpoint();
}

void JobFile::checkpoint_when_large() {
  if (database_.wal_pages() >= checkpoint_at_) checkpoint();
}

void JobFile::checkpoint() {
  const std::uint64_t left = database_.checkpoint();
  // With nothing left the next commit begins the WAL anew. Else a reader holds on to it, and to
  // ask again at every commit would only cost syncs.
  checkpoint_at_ = left == 0 ? wal_pages_max_ : database_.wal_pages() + wal_pages_max_ / 4;
}

}  // namespace stepd::storage::sqlite
