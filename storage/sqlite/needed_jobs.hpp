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
SELECT made.id FROM above CROSS JOIN derived_job ON derived_job.origin = above.id
  CROSS JOIN job AS made ON made.id = derived_job.job WHERE made.settled_at IS NULL
UNION ALL
SELECT made.id FROM above CROSS JOIN kept_from ON kept_from.job = above.id
  CROSS JOIN job AS made ON made.id = kept_from.rerun WHERE made.settled_at IS NULL
UNION ALL
SELECT starter.id FROM above CROSS JOIN job AS starter ON starter.id = above.id
WHERE starter.settled_at IS NULL AND above.id <> )sql" +
         job;
}

}  // namespace stepd::storage::sqlite
