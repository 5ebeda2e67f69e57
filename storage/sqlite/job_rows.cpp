#include "storage/sqlite/job_rows.hpp"

#include <limits>

#include "storage/sqlite/job_columns.hpp"

namespace stepd::storage::sqlite {
namespace {

constexpr std::string_view select_job = R"sql(
SELECT word, due, needs, attention, settled_at, tenant, name, key, accepted_at, first_row,
  definition
FROM job WHERE id = ?)sql";

constexpr std::string_view select_first_row = "SELECT accepted_at, first_row FROM job WHERE id = ?";

constexpr std::string_view select_later_rows =
    "SELECT row, at, entries FROM journal WHERE job = ? AND row > ? ORDER BY row LIMIT ?";

}  // namespace

JobRows::JobRows(Database& database)
    : job_(database, select_job),
      first_row_(database, select_first_row),
      later_rows_(database, select_later_rows) {}

std::optional<LoadedJob> JobRows::load(JobId id) {
  LoadedJob job{.id = id};
  {
    Rows found = job_.query(id.value);
    if (!found.next()) return std::nullopt;
    job.head = {.word = word_of(found.integer(0)),
                .due = time_of(found.maybe_integer(1)),
                .needs = found.bytes(2),
                .attention = found.integer(3) != 0,
                .settled_at = time_of(found.maybe_integer(4))};
    job.tenant = found.bytes(5);
    job.name = found.bytes(6);
    job.key = found.bytes(7);
    job.rows.push_back({1, time_of(found.integer(8)), found.bytes(9)});
    job.definition = found.bytes(10);
  }
  append_later(id, 1, std::numeric_limits<std::size_t>::max(), job.rows);
  return job;
}

std::vector<engine::StoredRow> JobRows::journal(JobId id, std::uint64_t after, std::size_t limit) {
  std::vector<engine::StoredRow> rows;
  if (after == 0 && limit > 0) {
    Rows found = first_row_.query(id.value);
    if (found.next()) rows.push_back({1, time_of(found.integer(0)), found.bytes(1)});
  }
  append_later(id, after, limit, rows);
  return rows;
}

void JobRows::append_later(JobId id, std::uint64_t after, std::size_t limit,
                           std::vector<engine::StoredRow>& rows) {
  Rows found = later_rows_.query(id.value, row_limit(after), row_limit(limit - rows.size()));
  while (found.next()) {
    rows.push_back(
        {static_cast<std::uint64_t>(found.integer(0)), time_of(found.integer(1)), found.bytes(2)});
  }
}

}  // namespace stepd::storage::sqlite
