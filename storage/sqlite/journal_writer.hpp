#pragma once

#include <string>

#include "storage/sqlite/database.hpp"
#include "storage/sqlite/unfiled_rows.hpp"
#include "storage/store.hpp"

namespace stepd::storage::sqlite {

/// Adds to journals within a transaction of the caller's, who ends it with `keep` or `undo`. Rows
/// may wait to be filed until the job leaves the host's memory.
class JournalWriter {
 public:
  explicit JournalWriter(Database& database);

  /// The change's row, and those it drops. `may_wait`: this host goes on with the job.
  void add(const Change& change, bool may_wait);
  /// Of a job that settles with this change: its last rows, for its own row in place of the table;
  /// empty where they are too much for that, and have been filed.
  [[nodiscard]] std::string add_last(const Change& change);
  /// A settled job goes on after all: its last rows are filed as any others.
  void reopen(JobId job);
  void remove(JobId job);

  /// When a host begins: of its own jobs, if it was one before, and of those another has left.
  void file_all();

  /// The last thing before the commit.
  void write();
  void keep() { unfiled_.keep(); }
  void undo() { unfiled_.undo(); }

  [[nodiscard]] UnfiledRows& unfiled() { return unfiled_; }

 private:
  void insert(const PackedRow& row);
  void file(JobId job);
  void file_left();

  Database& database_;
  UnfiledRows unfiled_;
  Statement insert_;
  Statement drop_;
  Statement delete_;
  Statement last_rows_;
  Statement clear_last_rows_;
};

}  // namespace stepd::storage::sqlite
