#include "plugins/bank/sqlite.hpp"

namespace bank {

Database::Database(const std::filesystem::path& file) : file_{file} {
  sqlite3* connection = nullptr;
  const int opened = sqlite3_open_v2(
      file.c_str(), &connection,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  connection_.reset(connection);
  if (opened != SQLITE_OK) throw error("open");
  sqlite3_busy_timeout(connection, 5000);
}

void Database::run(const char* sql) {
  if (sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw error("run a statement on");
  }
}

std::int64_t Database::last_row() const { return sqlite3_last_insert_rowid(connection_.get()); }

SqliteError Database::error(std::string_view doing) const {
  return SqliteError{"could not " + std::string{doing} + " the ledger " + file_.string() + ": " +
                     sqlite3_errmsg(connection_.get())};
}

Statement::Statement(Database& database, std::string_view sql) : database_{database} {
  sqlite3_stmt* statement = nullptr;
  check(sqlite3_prepare_v2(database.get(), sql.data(), static_cast<int>(sql.size()), &statement,
                           nullptr));
  statement_.reset(statement);
}

Statement& Statement::bind(std::int64_t value) {
  check(sqlite3_bind_int64(statement_.get(), ++bound_, value));
  return *this;
}

Statement& Statement::bind(std::string_view value) {
  // The null pointer of an empty view would be stored as NULL.
  const char* bytes = value.empty() ? "" : value.data();
  check(sqlite3_bind_text(statement_.get(), ++bound_, bytes, static_cast<int>(value.size()),
                          SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::bind(std::optional<std::int64_t> value) {
  if (value) return bind(*value);
  check(sqlite3_bind_null(statement_.get(), ++bound_));
  return *this;
}

bool Statement::step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result != SQLITE_DONE) throw database_.error("write to");
  return false;
}

void Statement::run() {
  while (step()) {
  }
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

void Statement::check(int result) {
  if (result != SQLITE_OK) throw database_.error("prepare a statement on");
}

Transaction::Transaction(Database& database) : database_{database} {
  database_.run("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  // A failed write may have rolled back by itself already; there is nothing left to undo then.
  if (open_ && sqlite3_get_autocommit(database_.get()) == 0) {
    sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace bank
