#include "storage/sqlite/database.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <stdexcept>
#include <utility>

#include "storage/sqlite/failure.hpp"
#include "storage/store.hpp"

namespace stepd::storage::sqlite {
namespace {

constexpr int patience_ms = 2000;  // with programs from outside; our own connections never collide

// SQLite's name for "these bytes are copied"; its macro is an old-style cast.
const auto copied = reinterpret_cast<sqlite3_destructor_type>(-1);  // NOLINT

// SQLite counts the bytes it holds under a lock that every allocation takes, 9 % of a commit's
// work. Once in a process, before its first connection; where somebody else had one first, it
// stays.
void stop_counting_memory() {
  static const int answer = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(answer);
}

int count_wal_pages(void* counted, sqlite3*, const char*, int in_wal) {
  auto& wal = *static_cast<Database::Wal*>(counted);
  const auto pages = static_cast<std::uint64_t>(in_wal);
  if (pages <= wal.pages) wal.moved = 0;  // it has begun anew
  wal.pages = pages;
  return SQLITE_OK;
}

using Question = std::function<bool(std::int64_t)>;

void ask(sqlite3_context* context, int, sqlite3_value** values) {
  const auto& question = *static_cast<const Question*>(sqlite3_user_data(context));
  try {
    sqlite3_result_int(context, question(sqlite3_value_int64(values[0])) ? 1 : 0);
  } catch (const StoreError& error) {
    sqlite3_result_error(context, error.what(), -1);
    sqlite3_result_error_code(context, error.is_for_good() ? SQLITE_CORRUPT : SQLITE_IOERR);
  } catch (const std::exception&) {
    sqlite3_result_error_nomem(context);
  }
}

}  // namespace

void Database::Close::operator()(sqlite3* handle) const { sqlite3_close(handle); }

Database::Database(std::filesystem::path file, Access access) : file_(std::move(file)) {
  stop_counting_memory();
  const int flags =
      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
      (access == Access::read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(file_.c_str(), &handle, flags, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) fail(code);
  sqlite3_busy_timeout(handle, patience_ms);
  if (access == Access::write) {
    // The hook stands in the place of SQLite's own checkpoints after commits.
    sqlite3_wal_hook(handle, count_wal_pages, &wal_);
  } else {
    sqlite3_wal_autocheckpoint(handle, 0);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    run("PRAGMA query_only = ON");
  }
}

void Database::run(const std::string& sql) {
  errno = 0;
  const int code = sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

std::int64_t Database::number(std::string_view sql) {
  Statement statement{*this, sql};
  Rows rows = statement.query();
  return rows.next() ? rows.integer(0) : 0;
}

std::string Database::text(std::string_view sql) {
  Statement statement{*this, sql};
  Rows rows = statement.query();
  return rows.next() ? rows.bytes(0) : std::string{};
}

void Database::define(const char* name, Question question) {
  const int code = sqlite3_create_function_v2(
      handle(), name, 1, SQLITE_UTF8 | SQLITE_DIRECTONLY,
      std::make_unique<Question>(std::move(question)).release(), ask, nullptr, nullptr,
      [](void* owned) { delete static_cast<Question*>(owned); });
  if (code != SQLITE_OK) fail(code);
}

bool Database::in_transaction() const { return sqlite3_get_autocommit(handle()) == 0; }

std::uint64_t Database::rows_changed() const {
  return static_cast<std::uint64_t>(sqlite3_total_changes64(handle()));
}

std::uint64_t Database::checkpoint() {
  errno = 0;
  int in_wal = 0;
  int moved = 0;
  const int code =
      sqlite3_wal_checkpoint_v2(handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_wal, &moved);
  if (code == SQLITE_BUSY) return wal_.pages;
  if (code != SQLITE_OK) fail(code);
  const auto left = static_cast<std::uint64_t>(std::max(0, in_wal - moved));
  wal_.moved = wal_.pages - std::min(wal_.pages, left);
  return left;
}

// SQLite remembers the system's error of some operations and not of others, a failed commit among
// them; so errno is cleared before each and read here before anything else happens.
void Database::fail(int code) const {
  const int last_error = errno;
  if (handle() == nullptr) throw judge({SQLITE_NOMEM, 0, "out of memory"}, file_);
  const int remembered = sqlite3_system_errno(handle());
  throw judge({code, remembered != 0 ? remembered : last_error, sqlite3_errmsg(handle())}, file_);
}

Rows::~Rows() { sqlite3_reset(statement_); }

bool Rows::next() {
  errno = 0;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_->fail(code);
  return false;
}

std::int64_t Rows::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::optional<std::int64_t> Rows::maybe_integer(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
  return integer(column);
}

std::string Rows::bytes(int column) const { return std::string(view(column)); }

std::string_view Rows::view(int column) const {
  const auto* first = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  if (first == nullptr) return {};
  return {first, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

void Statement::Finalize::operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }

Statement::Statement(Database& database, std::string_view sql) : database_(&database) {
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) database.fail(code);
}

void Statement::bind_one(int position, Lifetime, std::int64_t value) {
  check(sqlite3_bind_int64(handle_.get(), position, value));
}

void Statement::bind_one(int position, Lifetime, std::optional<std::int64_t> value) {
  check(value ? sqlite3_bind_int64(handle_.get(), position, *value)
              : sqlite3_bind_null(handle_.get(), position));
}

void Statement::bind_one(int position, Lifetime lifetime, std::string_view text) {
  // SQLite reads a null pointer as NULL, and an empty view may hold one.
  const char* first = text.empty() ? "" : text.data();
  check(sqlite3_bind_text64(handle_.get(), position, first, text.size(),
                            lifetime == Lifetime::unknown ? copied : SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::bind_one(int position, Lifetime lifetime, std::optional<std::string_view> text) {
  if (text) {
    bind_one(position, lifetime, *text);
  } else {
    check(sqlite3_bind_null(handle_.get(), position));
  }
}

void Statement::bind_one(int position, Lifetime lifetime, Bytes bytes) {
  const char* first = bytes.view.empty() ? "" : bytes.view.data();
  check(sqlite3_bind_blob64(handle_.get(), position, first, bytes.view.size(),
                            lifetime == Lifetime::unknown ? copied : SQLITE_STATIC));
}

void Statement::require_parameters(std::size_t given) const {
  const auto wanted = static_cast<std::size_t>(sqlite3_bind_parameter_count(handle_.get()));
  if (given == wanted) return;
  throw std::logic_error{std::to_string(given) + " values for the " + std::to_string(wanted) +
                         " parameters of: " + sqlite3_sql(handle_.get())};
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) database_->fail(code);
}

bool Statement::finish() {
  const Rows rows{*database_, handle_.get()};
  errno = 0;
  const int code = sqlite3_step(handle_.get());
  if (code != SQLITE_DONE && code != SQLITE_ROW) database_->fail(code);
  return sqlite3_changes64(database_->handle()) > 0;
}

TransactionWords::TransactionWords(Database& database_)
    : database(database_),
      begin_write(database_, "BEGIN IMMEDIATE"),
      begin_read(database_, "BEGIN"),
      commit(database_, "COMMIT"),
      rollback(database_, "ROLLBACK") {}

Transaction::Transaction(TransactionWords& words, Kind kind) : words_(words) {
  (kind == Kind::write ? words_.begin_write : words_.begin_read).run();
}

Transaction::~Transaction() {
  // SQLite ends some failed transactions by itself.
  if (!words_.database.in_transaction()) return;
  try {
    words_.rollback.run();
  } catch (const StoreError&) {
    // A transaction that cannot even be rolled back is not committed either; what comes next on
    // this connection fails and says why.
    return;
  }
}

void Transaction::commit() { words_.commit.run(); }

}  // namespace stepd::storage::sqlite
