#include "tools/bench/floor.hpp"

#include <sqlite3.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <vector>

namespace stepd::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t jobs_together = 46;  // in one transaction; near the best batch
const std::string job_payload(300, 'j');
const std::string step_payload(100, 's');

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// The floor's own file: one row a job, one a recorded step.
class BareFile {
 public:
  /// `rows`: how many are recorded of a job.
  BareFile(const std::filesystem::path& path, int rows) : path_(path), rows_(rows) {
    std::filesystem::create_directories(path.parent_path());
    if (sqlite3_open_v2(path.c_str(), &file_,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        nullptr) != SQLITE_OK) {
      throw std::runtime_error("the floor cannot open " + path.string());
    }
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = FULL");
    run("PRAGMA wal_autocheckpoint = 4000");
    run("CREATE TABLE job (id INTEGER PRIMARY KEY, state INTEGER, created INTEGER, due INTEGER,"
        " body BLOB)");
    run("CREATE TABLE step (job INTEGER, row INTEGER, at INTEGER, body BLOB,"
        " PRIMARY KEY (job, row)) WITHOUT ROWID");
    run("CREATE INDEX job_due ON job (due) WHERE due IS NOT NULL");
    statements_ = {prepare("INSERT INTO job VALUES (?1, 0, ?2, ?2, ?3)"),
                   prepare("INSERT INTO step VALUES (?1, ?2, ?3, ?4)"),
                   prepare("UPDATE job SET state = 1, due = NULL WHERE id = ?1"), prepare("BEGIN"),
                   prepare("COMMIT")};
  }
  ~BareFile() {
    for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
    sqlite3_close(file_);
  }
  BareFile(const BareFile&) = delete;
  BareFile& operator=(const BareFile&) = delete;

  void begin() { step(statements_[3]); }
  void commit() { step(statements_[4]); }

  /// One phase of one job: 0 accepts it, each later one records a row, the last also ends it.
  void record(std::int64_t job, int phase) {
    if (phase == 0) {
      bind(statements_[0], 1, job);
      bind(statements_[0], 2, job);
      bind(statements_[0], 3, job_payload);
      step(statements_[0]);
      return;
    }
    bind(statements_[1], 1, job);
    bind(statements_[1], 2, phase);
    bind(statements_[1], 3, job);
    bind(statements_[1], 4, step_payload);
    step(statements_[1]);
    if (phase < rows_) return;
    bind(statements_[2], 1, job);
    step(statements_[2]);
  }

  [[nodiscard]] double bytes() {
    run("PRAGMA wal_checkpoint(TRUNCATE)");
    return static_cast<double>(std::filesystem::file_size(path_));
  }

 private:
  void run(const std::string& sql) {
    if (sqlite3_exec(file_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail();
  }
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(file_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) !=
        SQLITE_OK) {
      fail();
    }
    return statement;
  }
  void step(sqlite3_stmt* statement) {
    if (sqlite3_step(statement) != SQLITE_DONE) fail();
    sqlite3_reset(statement);
  }
  static void bind(sqlite3_stmt* statement, int place, std::int64_t value) {
    sqlite3_bind_int64(statement, place, value);
  }
  static void bind(sqlite3_stmt* statement, int place, const std::string& value) {
    sqlite3_bind_blob(statement, place, value.data(), static_cast<int>(value.size()),
                      SQLITE_STATIC);
  }
  [[noreturn]] void fail() {
    throw std::runtime_error(std::string("floor: ") + sqlite3_errmsg(file_));
  }

  std::filesystem::path path_;
  int rows_ = 0;
  sqlite3* file_ = nullptr;
  std::array<sqlite3_stmt*, 5> statements_{};
};

}  // namespace

Floor measure_floor(const std::filesystem::path& folder, const FloorWork& work) {
  BareFile file(folder / "floor.sqlite", work.rows);
  const std::size_t groups = (work.jobs + jobs_together - 1) / jobs_together;
  const double cpu_before = cpu_seconds();
  const auto begin = Clock::now();
  // Each transaction holds every phase of as many jobs: accepting some, recording others.
  for (std::size_t turn = 0; turn < groups + static_cast<std::size_t>(work.rows); ++turn) {
    file.begin();
    for (int phase = work.rows; phase >= 0; --phase) {
      const auto group = static_cast<std::int64_t>(turn) - phase;
      if (group < 0 || group >= static_cast<std::int64_t>(groups)) continue;
      for (std::size_t job = 0; job < jobs_together; ++job) {
        file.record(
            group * static_cast<std::int64_t>(jobs_together) + static_cast<std::int64_t>(job) + 1,
            phase);
      }
    }
    file.commit();
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const auto done = static_cast<double>(groups * jobs_together);
  return {done / seconds, (cpu_seconds() - cpu_before) / done * 1e6, file.bytes() / done};
}

std::chrono::microseconds measure_four_commits(const std::filesystem::path& folder,
                                               std::size_t jobs) {
  constexpr int steps = 3;
  BareFile file(folder / "alone.sqlite", steps);
  std::vector<std::chrono::microseconds> times;
  for (std::size_t job = 1; job <= jobs; ++job) {
    const auto begin = Clock::now();
    for (int phase = 0; phase <= steps; ++phase) {
      file.begin();
      file.record(static_cast<std::int64_t>(job), phase);
      file.commit();
    }
    times.push_back(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin));
  }
  std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2));
  return times[times.size() / 2];
}

}  // namespace stepd::bench
