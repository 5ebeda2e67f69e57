#include "plugins/long_request/records.hpp"

#include <Poco/DateTimeFormatter.h>
#include <Poco/Timestamp.h>

#include <stdexcept>
#include <stepd/sqlite_barrier.hpp>
#include <string_view>

namespace long_request {
namespace {

constexpr auto schema = R"(
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS exchanges (
  exchange       INTEGER PRIMARY KEY AUTOINCREMENT,
  at             TEXT NOT NULL,
  direction      TEXT NOT NULL CHECK (direction IN ('out', 'in')),
  correlation_id TEXT NOT NULL CHECK (correlation_id <> ''),
  subject        TEXT NOT NULL,
  job            TEXT NOT NULL,
  step           TEXT NOT NULL,
  call           INTEGER NOT NULL,
  UNIQUE (job, call, direction)
) STRICT;
CREATE TABLE IF NOT EXISTS decisions (
  correlation_id TEXT PRIMARY KEY,
  request_id     TEXT NOT NULL,
  verdict        TEXT NOT NULL
                 CHECK (verdict IN ('approved', 'partly_approved', 'changed', 'denied')),
  reference      TEXT NOT NULL,
  units          INTEGER NOT NULL,
  stored_at      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
COMMIT;
)";

template <class Enum>
[[nodiscard]] std::string word_of(Enum value) {
  return boost::describe::enum_to_string(value, "");
}

}  // namespace

std::string timestamp(std::chrono::sys_time<std::chrono::milliseconds> moment) {
  const Poco::Timestamp exact{moment.time_since_epoch().count() * 1000};
  return Poco::DateTimeFormatter::format(exact, "%Y-%m-%dT%H:%M:%S.%iZ");
}

Records::Records(const std::filesystem::path& file) : file_{file} {
  std::filesystem::create_directories(file.parent_path());
  sqlite3* connection = nullptr;
  const int opened = sqlite3_open_v2(
      file.c_str(), &connection,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  connection_.reset(connection);
  check(opened);
  sqlite3_busy_timeout(connection, 5000);
  make_tables();
}

void Records::make_tables() {
  // Asked first, for making them takes the write lock.
  bool made = false;
  const auto note = [](void* found, int, char** values, char**) {
    *static_cast<bool*>(found) = std::string_view{values[0]} != "0";
    return 0;
  };
  check(sqlite3_exec(connection_.get(), "PRAGMA user_version", note, &made, nullptr));
  if (!made) check(sqlite3_exec(connection_.get(), schema, nullptr, nullptr, nullptr));
}

void Records::audit(const stepd::Context& context, const Exchange& exchange) {
  run("INSERT INTO exchanges (at, direction, correlation_id, subject, job, step, call)"
      " VALUES (?, ?, ?, ?, ?, ?, ?)",
      {timestamp(context.now()), word_of(exchange.direction), exchange.correlation_id,
       exchange.subject, std::string{context.job_id()}, std::string{context.step_id()},
       static_cast<std::int64_t>(context.facts().call())});
}

Decision Records::store(const stepd::Context& context, const Decision& decision) {
  stepd::SqliteBarrier barrier{*connection_, context};
  return barrier.execute([&] {
    run("INSERT INTO decisions (correlation_id, request_id, verdict, reference, units, stored_at)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        {decision.correlation_id, decision.request_id, word_of(decision.verdict),
         decision.reference, decision.units, timestamp(context.now())});
    if (sqlite3_changes(connection_.get()) == 1) return decision;
    throw stepd::Refused{"stored_before", "a decision on " + decision.correlation_id +
                                              " is stored already, by another step"};
  });
}

void Records::take_back(const stepd::Context& context) {
  stepd::SqliteBarrier barrier{*connection_, context};
  barrier.compensate<Decision>([&](const Decision& stored) {
    run("DELETE FROM decisions WHERE correlation_id = ?", {stored.correlation_id});
  });
}

void Records::run(const char* sql, const std::vector<Value>& values) {
  sqlite3_stmt* prepared = nullptr;
  check(sqlite3_prepare_v2(connection_.get(), sql, -1, &prepared, nullptr));
  const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement{prepared,
                                                                             &sqlite3_finalize};
  int at = 0;
  for (const auto& value : values) {
    ++at;
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      check(sqlite3_bind_int64(prepared, at, *number));
    } else {
      const auto& text = std::get<std::string>(value);
      check(sqlite3_bind_text(prepared, at, text.data(), static_cast<int>(text.size()), nullptr));
    }
  }
  if (const int result = sqlite3_step(prepared); result != SQLITE_DONE) check(result);
}

void Records::check(int result) const {
  if (result == SQLITE_OK) return;
  throw std::runtime_error{"the database " + file_.string() +
                           " does not answer: " + sqlite3_errmsg(connection_.get())};
}

}  // namespace long_request
