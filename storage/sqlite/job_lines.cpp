#include "storage/sqlite/job_lines.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <utility>

#include "storage/sqlite/job_columns.hpp"

namespace stepd::storage::sqlite {
namespace {

using engine::JobWord;

// A list is a way to the jobs between these two parts.
const std::string line_columns =
    "SELECT job.id, job.tenant, job.name, job.key, job.due, job.needs, job.attention, "
    "job.settled_at, " +
    shown_word_column + " AS shown, job.priority\nFROM ";

const std::string line_filter = R"sql(
  job.id < ?1 AND (?2 = '' OR job.tenant = ?2) AND (?3 = '' OR job.name = ?3)
  AND (?4 IS NULL OR job.attention = ?4) AND (?5 >> shown) & 1
  AND (?7 = '' OR job.made_by IS NOT ?7) AND (?8 IS NULL OR (job.parent IS NOT NULL) = ?8)
ORDER BY job.id DESC LIMIT ?6)sql";

const std::string newest = line_columns + "job WHERE" + line_filter;

const std::string by_key = line_columns +
                           "job_key CROSS JOIN job ON job.id = job_key.job "
                           "WHERE job_key.key = ?9 AND" +
                           line_filter;

const std::string by_attention =
    line_columns +
    "job INDEXED BY job_flagged WHERE (job.attention = 1 OR job.needs <> '') "
    "AND job.attention = 1 AND" +
    line_filter;

const std::string by_word = line_columns +
                            "job INDEXED BY job_word WHERE job.word <> 1 AND job.word <> 2 "
                            "AND job.word = ?9 AND" +
                            line_filter;

const std::string open =
    line_columns + "job INDEXED BY job_open WHERE job.settled_at IS NULL AND" + line_filter;

constexpr std::string_view select_counts =
    "SELECT code, jobs FROM word WHERE jobs > 0 ORDER BY code";

// What was made from a job runs on the builds that this one ran on.
constexpr std::string_view select_oldest = R"sql(
WITH RECURSIVE above(id) AS (
  SELECT origin FROM derived_job
  WHERE EXISTS (SELECT 1 FROM job WHERE job.id = derived_job.job AND settled_at IS NULL)
  UNION SELECT origin FROM derived_job JOIN above ON derived_job.job = above.id)
SELECT min(id) FROM (
  SELECT min(id) AS id FROM job INDEXED BY job_open WHERE settled_at IS NULL
  UNION ALL SELECT min(id) FROM above))sql";

constexpr std::string_view select_attention = R"sql(
SELECT count(*) FROM job INDEXED BY job_flagged
WHERE (attention = 1 OR needs <> '') AND attention = 1 AND settled_at IS NULL)sql";

// Up to here it is quicker to sort all jobs of a word than to look for them among the others.
constexpr std::uint64_t few = 10'000;

/// The words a job has while all goes well; they are in no index of their own.
bool is_common(JobWord word) { return word == JobWord::queued || word == JobWord::running; }

constexpr std::int64_t all_words = (std::int64_t{1} << word_count) - 1;

std::int64_t mask_of(const std::set<JobWord>& words) {
  std::int64_t mask = 0;
  for (const JobWord word : words) mask |= std::int64_t{1} << code_of(word);
  return mask;
}

void append_lines(Rows& found, std::vector<JobLine>& lines) {
  while (found.next()) {
    JobLine line{.id = {found.integer(0)},
                 .tenant = found.bytes(1),
                 .name = found.bytes(2),
                 .key = found.bytes(3),
                 .head = {}};
    line.head = {.word = word_of(found.integer(8)),
                 .due = time_of(found.maybe_integer(4)),
                 .needs = found.bytes(5),
                 .attention = found.integer(6) != 0,
                 .settled_at = time_of(found.maybe_integer(7)),
                 .priority = static_cast<std::int32_t>(found.integer(9))};
    lines.push_back(std::move(line));
  }
}

void keep_newest(std::vector<JobLine>& lines, std::size_t limit) {
  std::sort(lines.begin(), lines.end(),
            [](const JobLine& a, const JobLine& b) { return a.id > b.id; });
  if (lines.size() > limit) lines.resize(limit);
}

}  // namespace

JobLines::JobLines(Database& database)
    : newest_(database, newest),
      by_key_(database, by_key),
      by_attention_(database, by_attention),
      by_word_(database, by_word),
      open_(database, open),
      counts_(database, select_counts),
      attention_(database, select_attention),
      oldest_(database, select_oldest) {}

std::vector<JobLine> JobLines::page(const JobFilter& filter, std::optional<JobId> before,
                                    std::size_t limit) {
  const std::set<JobWord> words{filter.words.begin(), filter.words.end()};
  const std::int64_t below = before ? before->value : std::numeric_limits<std::int64_t>::max();
  const auto attention = filter.attention ? std::optional{std::int64_t{*filter.attention}}
                                          : std::optional<std::int64_t>{};
  const auto child =
      filter.child ? std::optional{std::int64_t{*filter.child}} : std::optional<std::int64_t>{};
  std::vector<JobLine> lines;
  const auto collect = [&](Statement& statement, std::int64_t mask, const auto&... more) {
    Rows found = statement.query(below, filter.tenant, filter.name, attention, mask,
                                 row_limit(limit), filter.not_made_by, child, more...);
    append_lines(found, lines);
  };

  const std::int64_t mask = words.empty() ? all_words : mask_of(words);
  if (!filter.key.empty()) {
    collect(by_key_, mask, filter.key);
  } else if (filter.attention.value_or(false)) {
    collect(by_attention_, mask);
  } else if (words.empty() || !are_few(words)) {
    collect(newest_, mask);
  } else {
    const std::int64_t common = mask & mask_of({JobWord::queued, JobWord::running});
    if (common != 0) collect(open_, common);
    for (const JobWord word : words) {
      if (!is_common(word)) collect(by_word_, mask, code_of(word));
    }
    keep_newest(lines, limit);
  }
  return lines;
}

/// Whether the jobs to be gone through are few, when each word is looked up where it is indexed.
bool JobLines::are_few(const std::set<JobWord>& words) {
  const bool any_common = std::any_of(words.begin(), words.end(), is_common);
  std::uint64_t jobs = 0;
  for (const Count& count : counts()) {
    const bool among_open = any_common && !engine::is_settled(count.word);
    if (among_open || words.contains(count.word)) jobs += count.jobs;
  }
  return jobs <= few;
}

std::vector<Count> JobLines::counts() {
  std::vector<Count> counts;
  Rows found = counts_.query();
  while (found.next()) {
    counts.push_back({word_of(found.integer(0)), static_cast<std::uint64_t>(found.integer(1))});
  }
  return counts;
}

std::uint64_t JobLines::unsettled_with_attention() {
  Rows found = attention_.query();
  return found.next() ? static_cast<std::uint64_t>(found.integer(0)) : 0;
}

std::optional<JobId> JobLines::oldest_unsettled() {
  Rows found = oldest_.query();
  const auto id = found.next() ? found.maybe_integer(0) : std::nullopt;
  return id ? std::optional(JobId{*id}) : std::nullopt;
}

}  // namespace stepd::storage::sqlite
