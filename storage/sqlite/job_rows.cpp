#include "storage/sqlite/job_rows.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "storage/sqlite/job_columns.hpp"

namespace stepd::storage::sqlite {
namespace {

const std::string columns =
    "SELECT id, word, due, needs, attention, settled_at, tenant, name, key, accepted_at, "
    "first_row, definition, wait, parent, parent_step, priority, last_rows FROM job ";

const std::string select_job = columns + "WHERE id = ?";

// Ordered as the index is, and of it alone: nothing is sorted, and what is passed over or left for
// later is never looked up.
constexpr std::string_view select_due = R"sql(
SELECT id, due FROM job INDEXED BY job_open
WHERE settled_at IS NULL AND priority = ? AND due <= ? ORDER BY due)sql";

constexpr std::string_view select_own_rows =
    "SELECT accepted_at, first_row, last_rows, settled_at FROM job WHERE id = ?";

constexpr std::string_view select_later_rows =
    "SELECT row, at, entries FROM journal WHERE job = ? AND row > ? ORDER BY row LIMIT ?";

constexpr std::string_view select_also_needed =
    "SELECT type FROM also_needed WHERE job = ? ORDER BY type";

}  // namespace

JobRows::JobRows(Database& database, JournalEnds& ends)
    : ends_(ends),
      job_(database, select_job),
      due_(database, select_due),
      priorities_(database),
      own_rows_(database, select_own_rows),
      later_rows_(database, select_later_rows),
      also_needed_(database, select_also_needed),
      given_(database),
      children_(database) {}

std::optional<LoadedJob> JobRows::load(JobId id) {
  std::optional<Found> job;
  {
    Rows found = job_.query(id.value);
    if (!found.next()) return std::nullopt;
    job = job_in(found);
  }
  return complete(*std::move(job));
}

std::vector<LoadedJob> JobRows::due(TimePoint now, std::size_t limit,
                                    const std::function<bool(JobId)>& passes_over) {
  std::vector<Place> places;
  for (const std::int64_t priority : priorities_.all()) {
    append_due(priority, now, limit, passes_over, places);
  }
  std::vector<LoadedJob> jobs;
  for (const Place& place : places) {
    if (auto job = load(place.id)) jobs.push_back(*std::move(job));
  }
  return jobs;
}

LoadedJob JobRows::complete(Found found) {
  LoadedJob& job = found.job;
  if (ends_.may_be_filed(job.id)) {
    append_later(job.id, 1, std::numeric_limits<std::size_t>::max(), job.rows);
  }
  append_end(job.id, job.head.settled_at.has_value(), found.last_rows, 1, job.rows);
  if (!job.head.needs.empty()) {
    Rows types = also_needed_.query(job.id.value);
    while (types.next()) job.head.also_needs.push_back(types.bytes(0));
  }
  if (found.parent) {
    job.parent_turned_back = children_.is_cancelled(*found.parent, found.parent_step);
  }
  // What has not run has neither waited nor started anything.
  if (job.rows.size() == 1) return std::move(job);
  job.given = given_.of(job.id);
  job.children = children_.counts(job.id);
  for (engine::ChildCounts& counts : job.children) counts.as_of_row = job.rows.back().number;
  return std::move(job);
}

/// Merges the first of this priority into `places`, which stay in the order of their turns and no
/// more than `limit`.
void JobRows::append_due(std::int64_t priority, TimePoint now, std::size_t limit,
                         const std::function<bool(JobId)>& passes_over,
                         std::vector<Place>& places) {
  const auto earlier = [](const Place& a, const Place& b) {
    return a.turn != b.turn ? a.turn < b.turn : a.id < b.id;
  };
  const std::size_t before = places.size();
  Rows found = due_.query(priority, column(now));
  while (places.size() - before < limit && found.next()) {
    const Place place{engine::turn_of(time_of(found.integer(1)), static_cast<int>(priority)),
                      {found.integer(0)}};
    if (before == limit && earlier(places[before - 1], place)) break;
    if (!passes_over(place.id)) places.push_back(place);
  }
  std::inplace_merge(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(before),
                     places.end(), earlier);
  if (places.size() > limit) places.resize(limit);
}

JobRows::Found JobRows::job_in(const Rows& found) {
  LoadedJob job{.id = {found.integer(0)}};
  job.head = {.word = word_of(found.integer(1)),
              .due = time_of(found.maybe_integer(2)),
              .wait = engine::Duration(found.integer(12)),
              .needs = found.bytes(3),
              .attention = found.integer(4) != 0,
              .settled_at = time_of(found.maybe_integer(5)),
              .priority = static_cast<std::int32_t>(found.integer(15))};
  job.tenant = found.bytes(6);
  job.name = found.bytes(7);
  job.key = found.bytes(8);
  job.rows.push_back({1, time_of(found.integer(9)), found.bytes(10)});
  job.definition = found.bytes(11);
  Found all{.job = std::move(job), .last_rows = found.bytes(16)};
  if (const auto parent = found.maybe_integer(13)) {
    all.parent = JobId{*parent};
    all.parent_step = static_cast<engine::StepIndex>(found.integer(14));
  }
  return all;
}

std::vector<engine::StoredRow> JobRows::journal(JobId id, std::uint64_t after, std::size_t limit) {
  std::vector<engine::StoredRow> rows;
  if (limit == 0) return rows;
  bool settled = false;
  std::string last_rows;
  {
    Rows found = own_rows_.query(id.value);
    if (!found.next()) return rows;
    if (after == 0) rows.push_back({1, time_of(found.integer(0)), found.bytes(1)});
    last_rows = found.bytes(2);
    settled = found.maybe_integer(3).has_value();
  }
  append_later(id, after, limit, rows);
  if (rows.size() < limit) append_end(id, settled, last_rows, after, rows);
  if (rows.size() > limit) rows.resize(limit);
  return rows;
}

/// What lies beside the table, and comes after what is in it.
void JobRows::append_end(JobId id, bool settled, std::string_view last_rows, std::uint64_t after,
                         std::vector<engine::StoredRow>& rows) {
  if (!rows.empty()) after = std::max(after, rows.back().number);
  if (settled) {
    unpack(last_rows, id, after, rows);
  } else {
    ends_.append(id, after, rows);
  }
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
