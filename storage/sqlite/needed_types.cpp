#include "storage/sqlite/needed_types.hpp"

#include "storage/sqlite/job_columns.hpp"

namespace stepd::storage::sqlite {
namespace {

constexpr std::string_view clear = "DELETE FROM also_needed WHERE job = ?";

constexpr std::string_view insert = "INSERT INTO also_needed (job, type) VALUES (?, ?)";

constexpr std::string_view offer_type = R"sql(
UPDATE job SET needs = '', due = min(coalesce(due, ?1), ?1) WHERE id IN (
  SELECT id FROM job INDEXED BY job_flagged
  WHERE (attention = 1 OR needs <> '') AND attention IN (0, 1) AND needs = ?2
    AND settled_at IS NULL
  UNION ALL
  SELECT job FROM also_needed WHERE type = ?2
  LIMIT ?3)
RETURNING id)sql";

}  // namespace

NeededTypes::NeededTypes(Database& database)
    : clear_(database, clear), insert_(database, insert), offer_(database, offer_type) {}

void NeededTypes::write(JobId job, const std::vector<std::string>& types) {
  clear_.run(job.value);
  for (const std::string& type : types) insert_.run(job.value, type);
}

std::size_t NeededTypes::offer(const std::string& type, TimePoint now, std::size_t limit) {
  std::vector<JobId> found;
  {
    Rows offered = offer_.query(column(now), type, row_limit(limit));
    while (offered.next()) found.push_back({offered.integer(0)});
  }
  for (const JobId job : found) clear_.run(job.value);
  return found.size();
}

}  // namespace stepd::storage::sqlite
