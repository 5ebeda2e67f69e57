#pragma once

#include <string>

/// Which settled jobs stay for the sake of others, as SQL (D5).
namespace stepd::storage::sqlite {

/// The job, the one whose step has started it and the one that it undoes, and likewise upwards:
/// each of these may still want to know how it ended, to undo it, or what its undo came to.
inline std::string job_and_those_above(const std::string& job) {
  return R"sql(
  above (id) AS (
    SELECT )sql" +
         job + R"sql(
    UNION
    SELECT job.parent FROM above CROSS JOIN job ON job.id = above.id WHERE job.parent IS NOT NULL
    UNION
    SELECT derived_job.origin FROM above CROSS JOIN derived_job INDEXED BY derived_job_undoes
      ON derived_job.job = above.id AND derived_job.kind = 1))sql";
}

/// The unsettled jobs for whose sake this one stays: those above it, and those that come from one
/// of these, or keep or undo what it did.
inline std::string select_needing(const std::string& job) {
  return "WITH RECURSIVE" + job_and_those_above(job) + R"sql(
SELECT coalesce(
  (SELECT made.id FROM derived_job CROSS JOIN job AS made ON made.id = derived_job.job
   WHERE derived_job.origin = above.id AND made.settled_at IS NULL),
  (SELECT made.id FROM kept_from CROSS JOIN job AS made ON made.id = kept_from.rerun
   WHERE kept_from.job = above.id AND made.settled_at IS NULL),
  (SELECT job.id FROM job
   WHERE job.id = above.id AND job.settled_at IS NULL AND job.id <> )sql" +
         job + R"sql()) AS needing
FROM above WHERE needing IS NOT NULL)sql";
}

}  // namespace stepd::storage::sqlite
