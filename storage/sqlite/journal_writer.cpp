#include "storage/sqlite/journal_writer.hpp"

#include <vector>

#include "storage/sqlite/job_columns.hpp"

namespace stepd::storage::sqlite {
namespace {

constexpr std::string_view insert_row =
    "INSERT INTO journal (job, row, at, entries) VALUES (?, ?, ?, ?)";

constexpr std::string_view drop_row = "DELETE FROM journal WHERE job = ? AND row = ?";

constexpr std::string_view delete_rows = "DELETE FROM journal WHERE job = ?";

constexpr std::string_view select_last_rows = "SELECT last_rows FROM job WHERE id = ?";

constexpr std::string_view clear_last_rows = "UPDATE job SET last_rows = NULL WHERE id = ?";

constexpr std::string_view clear_left = "DELETE FROM unfiled";

constexpr std::string_view select_filed = R"sql(
SELECT coalesce((SELECT max(row) FROM journal WHERE journal.job = job.id), 1)
FROM job WHERE id = ? AND settled_at IS NULL)sql";

// Larger ones go where they belong at once: they would be written twice for little.
constexpr std::size_t row_bytes_max = 1024;

// With it a job's own row stays within a page.
constexpr std::size_t last_rows_bytes_max = 2048;

}  // namespace

JournalWriter::JournalWriter(Database& database)
    : database_(database),
      unfiled_(database),
      insert_(database, insert_row),
      drop_(database, drop_row),
      delete_(database, delete_rows),
      last_rows_(database, select_last_rows),
      clear_last_rows_(database, clear_last_rows) {
  unfiled_.note_filed({database.number("SELECT max(job) FROM journal")});
}

void JournalWriter::add(const Change& change, bool may_wait) {
  const PackedRow row{change.job, change.row, change.at, change.entries};
  const bool waits =
      may_wait && change.dropped_rows.empty() && change.entries.size() <= row_bytes_max;
  if (waits && change.row == 0) return;
  if (waits) return unfiled_.add(row);
  file(change.job);
  if (change.row != 0) insert(row);
  for (const std::uint64_t dropped : change.dropped_rows) {
    drop_.run(change.job.value, static_cast<std::int64_t>(dropped));
  }
}

std::string JournalWriter::add_last(const Change& change) {
  const std::size_t bytes = unfiled_.bytes_of(change.job) + change.entries.size();
  if (change.row == 0 || !change.dropped_rows.empty() || bytes > last_rows_bytes_max) {
    add(change, false);
    return {};
  }
  std::string rows = unfiled_.take(change.job);
  pack({change.job, change.row, change.at, change.entries}, rows);
  return rows;
}

void JournalWriter::reopen(JobId job) {
  {
    Rows found = last_rows_.query(job.value);
    PackedRows rows{found.next() ? found.view(0) : std::string_view{}};
    while (const auto row = rows.next()) insert(*row);
  }
  clear_last_rows_.run(job.value);
}

void JournalWriter::remove(JobId job) {
  static_cast<void>(unfiled_.take(job));
  delete_.run(job.value);
}

void JournalWriter::write() {
  for (const JobId job : unfiled_.overdue()) file(job);
  unfiled_.write();
}

void JournalWriter::file_all() {
  for (const JobId job : unfiled_.all()) file(job);
  unfiled_.write();
  file_left();
}

void JournalWriter::insert(const PackedRow& row) {
  insert_.run(row.job.value, static_cast<std::int64_t>(row.number), column(row.at),
              Bytes{row.entries});
  unfiled_.note_filed(row.job);
}

void JournalWriter::file(JobId job) {
  const std::string value = unfiled_.take(job);
  PackedRows rows{value};
  while (const auto row = rows.next()) insert(*row);
}

/// What a host before has left: of settled jobs, and up to the last row on file, it stands in its
/// own place already.
void JournalWriter::file_left() {
  std::vector<std::string> left;
  {
    Statement all{database_, select_unfiled};
    Rows found = all.query();
    while (found.next()) left.push_back(found.bytes(0));
  }
  Statement filed{database_, select_filed};
  for (const std::string& value : left) {
    PackedRows rows{value};
    while (const auto row = rows.next()) {
      const auto last = [&]() -> std::optional<std::int64_t> {
        Rows found = filed.query(row->job.value);
        return found.next() ? std::optional(found.integer(0)) : std::nullopt;
      }();
      if (last && row->number > static_cast<std::uint64_t>(*last)) insert(*row);
    }
  }
  Statement{database_, clear_left}.run();
}

}  // namespace stepd::storage::sqlite
