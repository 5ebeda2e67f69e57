#include "storage/sqlite/sqlite_reader.hpp"

#include <sqlite3.h>

#include <string>
#include <system_error>
#include <utility>

#include "storage/sqlite/job_columns.hpp"
#include "storage/sqlite/job_lines.hpp"
#include "storage/sqlite/job_rows.hpp"
#include "storage/sqlite/sqlite_store.hpp"

namespace stepd::storage {
namespace {

using engine::StepBlob;
using sqlite::Database;
using sqlite::Rows;
using sqlite::Statement;
using sqlite::Transaction;

constexpr std::string_view select_blobs = R"sql(
SELECT kind, phase, key, bytes FROM step_blob WHERE job = ? AND step = ?
ORDER BY phase, kind, key)sql";

constexpr std::string_view select_derived =
    "SELECT kind, job FROM derived_job WHERE origin = ? ORDER BY job LIMIT ?";

std::uint64_t size_of(const std::filesystem::path& file) {
  std::error_code absent;
  const std::uintmax_t size = std::filesystem::file_size(file, absent);
  return absent ? 0 : size;
}

}  // namespace

/// What one thread reads with.
class SqliteReader::Connection {
 public:
  explicit Connection(const std::filesystem::path& file)
      : database_(file, Database::Access::read),
        ends(database_),
        transactions(database_),
        rows(database_, ends),
        lines(database_),
        events(database_),
        children(database_),
        blobs(database_, select_blobs),
        derived(database_, select_derived),
        undo(database_, sqlite::last_undo) {}

 private:
  Database database_;

 public:
  sqlite::UnfiledLines ends;
  sqlite::TransactionWords transactions;
  sqlite::JobRows rows;
  sqlite::JobLines lines;
  sqlite::EventLines events;
  sqlite::ChildLines children;
  Statement blobs;
  Statement derived;
  Statement undo;
};

/// A connection and one moment's view of the record; both are given back at the end.
class SqliteReader::Borrowed {
 public:
  explicit Borrowed(SqliteReader& reader) : reader_(reader), connection_(reader.take()) {
    connection_->ends.forget();
    try {
      view_.emplace(connection_->transactions, Transaction::Kind::read);
    } catch (const StoreError&) {
      reader_.give_back(std::move(connection_));
      throw;
    }
  }
  ~Borrowed() {
    view_.reset();
    reader_.give_back(std::move(connection_));
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;

  Connection* operator->() const { return connection_.get(); }

 private:
  SqliteReader& reader_;
  std::unique_ptr<Connection> connection_;
  std::optional<Transaction> view_;
};

SqliteReader::SqliteReader(const std::filesystem::path& folder, std::size_t connections_max)
    : file_(sqlite_file(folder)), connections_max_(connections_max) {}

SqliteReader::~SqliteReader() = default;

std::unique_ptr<SqliteReader::Connection> SqliteReader::take() {
  {
    std::unique_lock lock{mutex_};
    given_back_.wait(lock, [&] { return !free_.empty() || connections_ < connections_max_; });
    if (!free_.empty()) {
      auto connection = std::move(free_.back());
      free_.pop_back();
      return connection;
    }
    ++connections_;
  }
  try {
    return std::make_unique<Connection>(file_);
  } catch (const StoreError&) {
    const std::lock_guard lock{mutex_};
    --connections_;
    given_back_.notify_one();
    throw;
  }
}

void SqliteReader::give_back(std::unique_ptr<Connection> connection) {
  const std::lock_guard lock{mutex_};
  free_.push_back(std::move(connection));
  given_back_.notify_one();
}

std::vector<JobLine> SqliteReader::page(const JobFilter& filter, std::optional<JobId> before,
                                        std::size_t limit) {
  return Borrowed { *this } -> lines.page(filter, before, limit);
}

std::optional<LoadedJob> SqliteReader::find(JobId id) {
  return Borrowed { *this } -> rows.load(id);
}

std::vector<engine::StoredRow> SqliteReader::journal(JobId id, std::uint64_t after,
                                                     std::size_t limit) {
  return Borrowed { *this } -> rows.journal(id, after, limit);
}

std::vector<StepBlob> SqliteReader::blobs(JobId id, engine::StepIndex step) {
  const Borrowed connection{*this};
  std::vector<StepBlob> blobs;
  Rows found = connection->blobs.query(id.value, std::int64_t{step});
  while (found.next()) {
    blobs.push_back({.kind = static_cast<StepBlob::Kind>(found.integer(0)),
                     .step = step,
                     .phase = static_cast<engine::Phase>(found.integer(1)),
                     .key = found.bytes(2),
                     .bytes = found.bytes(3)});
  }
  return blobs;
}

std::vector<EventLine> SqliteReader::events(const EventFilter& filter,
                                            std::optional<engine::EventNumber> before,
                                            std::size_t limit) {
  return Borrowed { *this } -> events.page(filter, before, limit);
}

std::vector<ChildLine> SqliteReader::children(JobId parent, const std::optional<ChildPlace>& after,
                                              std::size_t limit) {
  return Borrowed { *this } -> children.page(parent, after, limit);
}

std::optional<ChildLine> SqliteReader::child(JobId parent, const ChildPlace& place) {
  return Borrowed { *this } -> children.find(parent, place);
}

std::vector<ChildLine> SqliteReader::settled_children(JobId parent, engine::StepIndex step,
                                                      std::uint32_t after, std::size_t limit) {
  return Borrowed { *this } -> children.settled(parent, step, after, limit);
}

std::vector<DerivedLine> SqliteReader::derived(JobId origin, std::size_t limit) {
  const Borrowed connection{*this};
  std::vector<DerivedLine> lines;
  Rows found = connection->derived.query(origin.value, sqlite::row_limit(limit));
  while (found.next()) {
    lines.push_back({static_cast<engine::Origin::Kind>(found.integer(0)), JobId{found.integer(1)}});
  }
  return lines;
}

std::optional<JobId> SqliteReader::undo_of(JobId origin) {
  const Borrowed connection{*this};
  Rows found = connection->undo.query(origin.value);
  return found.next() ? std::optional(JobId{found.integer(0)}) : std::nullopt;
}

std::vector<Count> SqliteReader::counts() {
  return Borrowed { *this } -> lines.counts();
}

Facts SqliteReader::facts() {
  const std::uint64_t bytes = size_of(file_) + size_of(file_.string() + "-wal");
  return {.backend = std::string{"sqlite "} + sqlite3_libversion(),
          .place = file_.string(),
          .bytes = bytes,
          .attention = Borrowed{*this} -> lines.unsettled_with_attention()};
}

std::optional<JobId> SqliteReader::oldest_unsettled() {
  return Borrowed { *this } -> lines.oldest_unsettled();
}

}  // namespace stepd::storage
