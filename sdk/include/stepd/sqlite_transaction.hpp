#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <stepd/outcome.hpp>
#include <string>
#include <string_view>

/// The little of SQLite that the barrier speaks, over a connection that is somebody else's.
namespace stepd::detail {

/// Turns what SQLite says into the step's answer: nothing of the transaction remains, and it may
/// work later.
[[noreturn]] inline void throw_sqlite_failure(sqlite3& database) {
  const char* const file = sqlite3_db_filename(&database, "main");
  const std::string name = file == nullptr || *file == '\0' ? "in memory" : file;
  const int code = sqlite3_errcode(&database) & 0xff;
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
    throw Retry{"database_busy", "the database " + name +
                                     " is locked by another connection: let it wait longer "
                                     "(sqlite3_busy_timeout)"};
  }
  throw Retry{"database_failed",
              "the database " + name + " cannot be written: " + sqlite3_errmsg(&database)};
}

class SqliteStatement {
 public:
  SqliteStatement(sqlite3& database, std::string_view sql) : database_(&database) {
    check(sqlite3_prepare_v2(database_, sql.data(), static_cast<int>(sql.size()), &statement_,
                             nullptr));
  }
  ~SqliteStatement() { sqlite3_finalize(statement_); }
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  SqliteStatement& bind(std::int64_t value) {
    check(sqlite3_bind_int64(statement_, ++bound_, value));
    return *this;
  }
  /// The text must outlive the statement. The null pointer of an empty one would be stored as NULL.
  SqliteStatement& bind(std::string_view value) {
    check(sqlite3_bind_text(statement_, ++bound_, value.empty() ? "" : value.data(),
                            static_cast<int>(value.size()), nullptr));
    return *this;
  }

  /// Moves to the next row; false when there is none.
  bool step() {
    const int result = sqlite3_step(statement_);
    if (result != SQLITE_ROW && result != SQLITE_DONE) throw_sqlite_failure(*database_);
    return result == SQLITE_ROW;
  }
  /// For a statement that yields no rows.
  void run() { static_cast<void>(step()); }

  [[nodiscard]] std::int64_t integer(int column) const {
    return sqlite3_column_int64(statement_, column);
  }
  /// Nothing for NULL.
  [[nodiscard]] std::optional<std::string> text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    if (bytes == nullptr) return std::nullopt;
    return std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
  }

 private:
  void check(int result) {
    if (result != SQLITE_OK) throw_sqlite_failure(*database_);
  }

  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

/// Takes the write lock at once; what is not committed is rolled back.
class SqliteTransaction {
 public:
  explicit SqliteTransaction(sqlite3& database) : database_(&database) {
    if (sqlite3_get_autocommit(database_) == 0) {
      throw Failed{"transaction_open",
                   "the connection is in a transaction already, and the barrier begins one of its "
                   "own: commit or roll back before it, or use another connection"};
    }
    SqliteStatement(*database_, "BEGIN IMMEDIATE").run();
  }
  ~SqliteTransaction() {
    // A failed write may have rolled back by itself already; there is nothing left to undo then.
    if (sqlite3_get_autocommit(database_) == 0) {
      sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
    }
  }
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction& operator=(const SqliteTransaction&) = delete;

  void commit() { SqliteStatement(*database_, "COMMIT").run(); }

 private:
  sqlite3* database_;
};

}  // namespace stepd::detail
