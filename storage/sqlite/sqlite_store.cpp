#include "storage/sqlite/sqlite_store.hpp"

#include <utility>

#include "storage/sqlite/job_columns.hpp"

namespace stepd::storage {
namespace {

using sqlite::Rows;
using sqlite::Transaction;

constexpr std::string_view select_epoch = "SELECT epoch FROM host";

constexpr std::string_view raise_epoch = "UPDATE host SET epoch = epoch + 1 RETURNING epoch";

// Ordered as the index is and no further: nothing is sorted.
constexpr std::string_view select_due_later = R"sql(
SELECT id, due FROM job INDEXED BY job_open
WHERE settled_at IS NULL AND priority = ? AND due > ? ORDER BY due)sql";

constexpr std::string_view select_highest_id =
    "SELECT max(highest_removed, coalesce((SELECT max(id) FROM job), 0)) FROM host";

/// Takes back what a failed transaction noted outside the file; nothing once that is kept.
class UndoUnlessKept {
 public:
  explicit UndoUnlessKept(sqlite::JobWriter& jobs) : jobs_(jobs) {}
  ~UndoUnlessKept() { jobs_.undo(); }
  UndoUnlessKept(const UndoUnlessKept&) = delete;
  UndoUnlessKept& operator=(const UndoUnlessKept&) = delete;

 private:
  sqlite::JobWriter& jobs_;
};

}  // namespace

std::filesystem::path sqlite_file(const std::filesystem::path& folder) {
  return folder / "stepd.db";
}

SqliteStore::SqliteStore(const std::filesystem::path& folder, const SqliteOptions& options)
    : lock_(folder),
      file_(sqlite_file(folder), options),
      transactions_(file_.database()),
      jobs_(file_.database()),
      rows_(file_.database(), jobs_.journal().unfiled()),
      epoch_(file_.database(), select_epoch),
      raise_epoch_(file_.database(), raise_epoch),
      due_later_(file_.database(), select_due_later),
      priorities_(file_.database()),
      highest_id_(file_.database(), select_highest_id) {}

template <typename Work>
auto SqliteStore::unless_broken(const Work& work) {
  if (!broken_.empty()) throw StoreError{StoreError::Kind::broken, broken_};
  try {
    return work();
  } catch (const StoreError& error) {
    if (error.is_for_good()) broken_ = error.what();
    throw;
  }
}

template <typename Work>
auto SqliteStore::read(Epoch epoch, const Work& work) {
  return unless_broken([&] {
    const UndoUnlessKept undo{jobs_};
    Transaction transaction{transactions_, Transaction::Kind::read};
    require_current(epoch);
    auto result = work();
    transaction.commit();
    jobs_.keep();
    return result;
  });
}

template <typename Work>
auto SqliteStore::write(Epoch epoch, const Work& work) {
  auto result = unless_broken([&] {
    const UndoUnlessKept undo{jobs_};
    Transaction transaction{transactions_, Transaction::Kind::write};
    require_current(epoch);
    auto written = work();
    jobs_.write_rest();
    transaction.commit();
    jobs_.keep();
    return written;
  });
  checkpoint_after_commit();
  return result;
}

void SqliteStore::require_current(Epoch epoch) {
  Rows found = epoch_.query();
  const std::int64_t current = found.next() ? found.integer(0) : 0;
  if (epoch.value > 0 && epoch.value == current) return;
  throw StoreError{StoreError::Kind::fenced,
                   "another host has taken over: the record is at epoch " +
                       std::to_string(current) + ", this host's is " + std::to_string(epoch.value)};
}

void SqliteStore::checkpoint_after_commit() {
  try {
    file_.checkpoint_when_large();
  } catch (const StoreError& error) {
    // The commit itself stands, synced, in the WAL. Where there is no room the next one tries
    // again; where the file is broken the next one says so.
    if (error.is_for_good()) broken_ = error.what();
  }
}

Epoch SqliteStore::acquire() {
  return unless_broken([&] {
    const UndoUnlessKept undo{jobs_};
    Transaction transaction{transactions_, Transaction::Kind::write};
    Epoch epoch;
    {
      Rows raised = raise_epoch_.query();
      if (raised.next()) epoch.value = raised.integer(0);
    }
    jobs_.journal().file_all();
    transaction.commit();
    jobs_.keep();
    jobs_.claimed().clear();
    return epoch;
  });
}

BatchResult SqliteStore::commit(Epoch epoch, std::span<const NewJob> submits,
                                std::span<const Change> changes,
                                std::span<const SentEvent> events) {
  return write(epoch, [&] {
    BatchResult result;
    result.submits.reserve(submits.size());
    result.changes.reserve(changes.size());
    for (const NewJob& submit : submits) result.submits.push_back(jobs_.insert(submit));
    for (const Change& change : changes) result.changes.push_back(jobs_.apply(change));
    for (const SentEvent& event : events) result.events.push_back(jobs_.insert(event));
    jobs_.tell(result);
    return result;
  });
}

Claim SqliteStore::claim(Epoch epoch, TimePoint now, std::size_t limit) {
  return read(epoch, [&] {
    Claim claim;
    claim.jobs =
        rows_.due(now, limit, [this](JobId id) { return jobs_.claimed().find(id) != nullptr; });
    for (const LoadedJob& job : claim.jobs) jobs_.claimed().put(job.id, sqlite::standing_of(job));
    claim.next_due = next_due(now);
    return claim;
  });
}

std::optional<TimePoint> SqliteStore::next_due(TimePoint now) {
  std::optional<TimePoint> earliest;
  for (const std::int64_t priority : priorities_.all()) {
    Rows found = due_later_.query(priority, sqlite::column(now));
    while (found.next()) {
      const TimePoint due = sqlite::time_of(found.integer(1));
      if (earliest && due >= *earliest) break;
      if (jobs_.claimed().find({found.integer(0)}) != nullptr) continue;
      earliest = due;
      break;
    }
  }
  return earliest;
}

std::optional<LoadedJob> SqliteStore::load(Epoch epoch, JobId id) {
  return read(epoch, [&] { return load_claimed(id); });
}

std::optional<LoadedJob> SqliteStore::load_claimed(JobId id) {
  std::optional<LoadedJob> job = rows_.load(id);
  if (job && !engine::is_settled(job->head.word)) {
    jobs_.claimed().put(id, sqlite::standing_of(*job));
  }
  return job;
}

void SqliteStore::shorten_waits(Epoch epoch, TimePoint now, engine::Duration by) {
  write(epoch, [&] {
    jobs_.shorten_waits(now, by);
    return true;
  });
}

std::size_t SqliteStore::offer(Epoch epoch, const std::set<std::string>& types, TimePoint now,
                               std::size_t limit) {
  return write(epoch, [&] {
    std::size_t found = 0;
    for (const std::string& type : types) found += jobs_.offer(type, now, limit - found);
    return found;
  });
}

std::size_t SqliteStore::expire(Epoch epoch, const Expiry& expiry, std::size_t limit) {
  return write(epoch, [&] { return jobs_.expire(expiry, limit); });
}

bool SqliteStore::tidy(Lull lull) {
  return unless_broken([&] {
    file_.checkpoint_when_idle(lull);
    return false;
  });
}

JobId SqliteStore::highest_id() {
  return unless_broken([&] {
    Rows found = highest_id_.query();
    return JobId{found.next() ? found.integer(0) : 0};
  });
}

}  // namespace stepd::storage
