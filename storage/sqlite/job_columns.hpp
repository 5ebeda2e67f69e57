#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "storage/store.hpp"

/// Values of the engine as columns, and back.
namespace stepd::storage::sqlite {

/// Stored in every job's row: a code never changes its meaning.
[[nodiscard]] constexpr std::int64_t code_of(engine::JobWord word) {
  return static_cast<std::int64_t>(word);
}
static_assert(code_of(engine::JobWord::prepared) == 0 && code_of(engine::JobWord::queued) == 1 &&
              code_of(engine::JobWord::running) == 2 && code_of(engine::JobWord::waiting) == 3 &&
              code_of(engine::JobWord::paused) == 4 && code_of(engine::JobWord::parked) == 5 &&
              code_of(engine::JobWord::compensating) == 6 &&
              code_of(engine::JobWord::succeeded) == 7 &&
              code_of(engine::JobWord::compensated) == 8 && code_of(engine::JobWord::failed) == 9 &&
              code_of(engine::JobWord::cancelled) == 10 &&
              code_of(engine::JobWord::discarded) == 11);
inline constexpr std::size_t word_count = 12;

[[nodiscard]] constexpr engine::JobWord word_of(std::int64_t code) {
  return static_cast<engine::JobWord>(code);
}

[[nodiscard]] inline std::int64_t column(TimePoint time) { return time.time_since_epoch().count(); }
[[nodiscard]] inline std::optional<std::int64_t> column(const std::optional<TimePoint>& time) {
  return time ? std::optional{column(*time)} : std::nullopt;
}
[[nodiscard]] inline TimePoint time_of(std::int64_t value) {
  return TimePoint{engine::Duration{value}};
}
[[nodiscard]] inline std::optional<TimePoint> time_of(std::optional<std::int64_t> value) {
  return value ? std::optional{time_of(*value)} : std::nullopt;
}

/// Makes an open job (?1) due at ?2, or earlier if it is already.
inline constexpr std::string_view wake_job = R"sql(
UPDATE job SET due = min(coalesce(due, ?2), ?2), wait = 0
WHERE id = ?1 AND settled_at IS NULL)sql";

/// The job that undoes ?1 and its word, if it is still there; where failed undos were gone on with,
/// the last of them.
inline constexpr std::string_view last_undo = R"sql(
WITH RECURSIVE undo (job, depth) AS (
  SELECT job, 1 FROM derived_job WHERE origin = ?1 AND kind = 1
  UNION ALL
  SELECT derived_job.job, undo.depth + 1
  FROM undo CROSS JOIN derived_job ON derived_job.origin = undo.job AND derived_job.kind = 1)
SELECT undo.job, job.word FROM undo LEFT JOIN job ON job.id = undo.job
ORDER BY undo.depth DESC LIMIT 1)sql";

/// A limit as SQL's LIMIT, where a negative number would mean none.
[[nodiscard]] constexpr std::int64_t row_limit(std::uint64_t limit) {
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::min(limit, most));
}

/// What `queued` reads as once the journal has gone on (see JobLine); also as SQL, of `job`.
[[nodiscard]] constexpr engine::JobWord shown_word(engine::JobWord word, std::uint64_t last_row) {
  return word == engine::JobWord::queued && last_row > 1 ? engine::JobWord::running : word;
}
inline const std::string shown_word_column = R"sql(
  CASE WHEN job.word = 1 AND (EXISTS (SELECT 1 FROM journal WHERE journal.job = job.id)
    OR has_unfiled_rows(job.id)) THEN 2 ELSE job.word END)sql";

}  // namespace stepd::storage::sqlite
