#pragma once

#include <string>

#include "storage/sqlite/database.hpp"
#include "storage/sqlite/sqlite_store.hpp"
#include "storage/sqlite/unfiled_rows.hpp"

/// What can be asked of the file itself, past the store.
namespace stepd::storage::testing {

inline const SqliteOptions quick_start{.prewrite_wal = false};

/// "ok", or what SQLite finds wrong with the file.
inline std::string integrity(const std::filesystem::path& folder) {
  sqlite::Database database{sqlite_file(folder), sqlite::Database::Access::read};
  return database.text("PRAGMA integrity_check");
}

/// How many words are counted otherwise than their jobs can be counted.
inline std::int64_t wrong_counts(const std::filesystem::path& folder) {
  sqlite::Database database{sqlite_file(folder), sqlite::Database::Access::read};
  const sqlite::UnfiledLines unfiled{database};
  return database.number(R"sql(
    SELECT count(*) FROM word WHERE jobs <> (
      SELECT count(*) FROM job WHERE word.code = CASE
        WHEN job.word = 1 AND (EXISTS (SELECT 1 FROM journal WHERE journal.job = job.id)
          OR has_unfiled_rows(job.id)) THEN 2
        ELSE job.word END))sql");
}

}  // namespace stepd::storage::testing
