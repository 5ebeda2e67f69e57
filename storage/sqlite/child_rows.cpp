#include "storage/sqlite/child_rows.hpp"

#include "storage/sqlite/job_columns.hpp"
#include "storage/storable.hpp"

namespace stepd::storage::sqlite {
namespace {

using engine::ChildCounts;
using engine::ChildOutcome;
using engine::ParentLink;
using engine::StepIndex;

constexpr std::string_view add_child = R"sql(
INSERT INTO child (parent, step, key, job) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING)sql";

constexpr std::string_view count_spawned = R"sql(
INSERT INTO brood (parent, step, spawned, settled, unsuccessful, cancelled)
VALUES (?, ?, 1, 0, 0, 0)
ON CONFLICT DO UPDATE SET spawned = spawned + 1)sql";

constexpr std::string_view settle_child = R"sql(
UPDATE child SET number = 1 + (
    SELECT settled FROM brood WHERE brood.parent = child.parent AND brood.step = child.step),
  word = ?4, output = ?5, error_code = ?6, error_message = ?7
WHERE parent = ?1 AND step = ?2 AND key = ?3 AND number IS NULL)sql";

constexpr std::string_view count_settled = R"sql(
UPDATE brood SET settled = settled + 1, unsuccessful = unsuccessful + ?3
WHERE parent = ?1 AND step = ?2)sql";

constexpr std::string_view set_gate = R"sql(
INSERT INTO brood (parent, step, spawned, settled, unsuccessful, beyond, cancelled)
VALUES (?1, ?2, 0, 0, 0, ?3, 0)
ON CONFLICT DO UPDATE SET beyond = excluded.beyond)sql";

constexpr std::string_view select_counts = R"sql(
SELECT step, spawned, settled, unsuccessful, settled = spawned OR settled > beyond
FROM brood WHERE parent = ? AND step = ?)sql";

constexpr std::string_view select_all_counts =
    "SELECT step, spawned, settled, unsuccessful FROM brood WHERE parent = ? ORDER BY step";

constexpr std::string_view mark_cancelled =
    "UPDATE brood SET cancelled = 1 WHERE parent = ? AND step = ?";

constexpr std::string_view wake_children = R"sql(
UPDATE job SET due = ?3, wait = 0
WHERE id IN (SELECT job FROM child WHERE parent = ?1 AND step = ?2 AND number IS NULL)
  AND settled_at IS NULL AND (due IS NULL OR due > ?3))sql";

constexpr std::string_view wake_if_cancelled = R"sql(
UPDATE job SET due = ?4, wait = 0
WHERE id = ?1 AND settled_at IS NULL AND EXISTS (
  SELECT 1 FROM brood WHERE parent = ?2 AND step = ?3 AND cancelled = 1))sql";

constexpr std::string_view delete_children = "DELETE FROM child WHERE parent = ?";

constexpr std::string_view delete_counts = "DELETE FROM brood WHERE parent = ?";

constexpr std::string_view note_large = R"sql(
INSERT INTO removed_parent (job) SELECT ?1
WHERE (SELECT sum(spawned) FROM brood WHERE parent = ?1) > ?2)sql";

constexpr std::string_view select_noted = "SELECT job FROM removed_parent LIMIT 1";

constexpr std::string_view delete_some = R"sql(
DELETE FROM child WHERE (parent, step, key) IN (
  SELECT parent, step, key FROM child WHERE parent = ? LIMIT ?))sql";

constexpr std::string_view unnote = "DELETE FROM removed_parent WHERE job = ?";

// Removed at once with their parent.
constexpr std::int64_t children_few = 500;

constexpr std::string_view select_cancelled =
    "SELECT cancelled FROM brood WHERE parent = ? AND step = ?";

constexpr std::string_view select_child = R"sql(
SELECT step, key, job, number, word, output, error_code, error_message FROM child
WHERE parent = ? AND step = ? AND key = ?)sql";

const std::string select_page = R"sql(
SELECT child.step, child.key, child.job, child.number, child.word, child.output, child.error_code,
  child.error_message,)sql" + shown_word_column +
                                R"sql(
FROM child LEFT JOIN job ON job.id = child.job AND child.number IS NULL
WHERE child.parent = ? AND (child.step, child.key) > (?, ?)
ORDER BY child.step, child.key LIMIT ?)sql";

constexpr std::string_view select_settled = R"sql(
SELECT step, key, job, number, word, output, error_code, error_message FROM child
WHERE parent = ? AND step = ? AND number > ? ORDER BY number LIMIT ?)sql";

ChildCounts counts_in(const Rows& found) {
  return {.step = static_cast<StepIndex>(found.integer(0)),
          .spawned = static_cast<std::uint32_t>(found.integer(1)),
          .settled = static_cast<std::uint32_t>(found.integer(2)),
          .unsuccessful = static_cast<std::uint32_t>(found.integer(3))};
}

ChildLine line_in(const Rows& found) {
  ChildLine line{.step = static_cast<StepIndex>(found.integer(0)),
                 .key = found.bytes(1),
                 .job = {found.integer(2)}};
  const auto number = found.maybe_integer(3);
  if (!number) return line;
  line.number = static_cast<std::uint32_t>(*number);
  line.outcome = ChildOutcome{.word = word_of(found.integer(4)),
                              .output = engine::JsonText(found.bytes(5)),
                              .error = {found.bytes(6), found.bytes(7), {}}};
  return line;
}

}  // namespace

ChildRows::ChildRows(Database& database)
    : database_(database),
      add_child_(database, sqlite::add_child),
      count_spawned_(database, sqlite::count_spawned),
      settle_child_(database, sqlite::settle_child),
      count_settled_(database, sqlite::count_settled),
      set_gate_(database, sqlite::set_gate),
      counts_(database, select_counts),
      wake_(database, wake_job),
      mark_cancelled_(database, sqlite::mark_cancelled),
      wake_children_(database, sqlite::wake_children),
      wake_if_cancelled_(database, sqlite::wake_if_cancelled),
      note_large_(database, sqlite::note_large),
      delete_children_(database, sqlite::delete_children),
      delete_counts_(database, sqlite::delete_counts),
      noted_(database, select_noted),
      delete_some_(database, sqlite::delete_some),
      unnote_(database, sqlite::unnote) {}

bool ChildRows::add(const ParentLink& parent, JobId child) {
  const std::int64_t step = parent.step;
  if (!add_child_.run(parent.job.value, step, parent.key, child.value)) return false;
  count_spawned_.run(parent.job.value, step);
  return true;
}

std::optional<ChildCounts> ChildRows::settle(const ParentLink& parent, const ChildOutcome& outcome,
                                             TimePoint now) {
  const std::int64_t step = parent.step;
  const bool settles =
      settle_child_.run(parent.job.value, step, parent.key, code_of(outcome.word),
                        outcome.output.view(), outcome.error.code, outcome.error.message);
  if (!settles) return std::nullopt;
  const std::int64_t unsuccessful = is_success(parent, outcome.word) ? 0 : 1;
  count_settled_.run(parent.job.value, step, unsuccessful);
  return news(parent.job, parent.step, now);
}

std::optional<ChildCounts> ChildRows::watch(JobId parent, const engine::ChildGate& gate,
                                            TimePoint now) {
  const auto beyond = gate.beyond ? std::optional<std::int64_t>(*gate.beyond) : std::nullopt;
  set_gate_.run(parent.value, std::int64_t{gate.step}, beyond);
  return news(parent, gate.step, now);
}

std::optional<ChildCounts> ChildRows::news(JobId parent, StepIndex step, TimePoint now) {
  std::optional<ChildCounts> counts;
  {
    Rows found = counts_.query(parent.value, std::int64_t{step});
    if (found.next() && found.maybe_integer(4).value_or(0) != 0) counts = counts_in(found);
  }
  if (counts) wake_.run(parent.value, column(now));
  return counts;
}

void ChildRows::cancel(JobId parent, StepIndex step, TimePoint now) {
  mark_cancelled_.run(parent.value, std::int64_t{step});
  wake_children_.run(parent.value, std::int64_t{step}, column(now));
}

bool ChildRows::heed(JobId child, const ParentLink& parent, TimePoint now) {
  return wake_if_cancelled_.run(child.value, parent.job.value, std::int64_t{parent.step},
                                column(now));
}

void ChildRows::forget(JobId parent) {
  if (!note_large_.run(parent.value, children_few)) delete_children_.run(parent.value);
  delete_counts_.run(parent.value);
}

std::size_t ChildRows::sweep(std::size_t limit) {
  std::optional<std::int64_t> parent;
  {
    Rows found = noted_.query();
    if (found.next()) parent = found.integer(0);
  }
  if (!parent) return 0;
  const std::uint64_t before = database_.rows_changed();
  delete_some_.run(*parent, row_limit(limit));
  const std::size_t removed = database_.rows_changed() - before;
  if (removed == limit) return removed;
  unnote_.run(*parent);
  return removed + 1;  // with the note itself
}

ChildLines::ChildLines(Database& database)
    : counts_(database, select_all_counts),
      cancelled_(database, select_cancelled),
      find_(database, select_child),
      page_(database, select_page),
      settled_(database, select_settled) {}

std::vector<ChildCounts> ChildLines::counts(JobId parent) {
  std::vector<ChildCounts> counts;
  Rows found = counts_.query(parent.value);
  while (found.next()) counts.push_back(counts_in(found));
  return counts;
}

bool ChildLines::is_cancelled(JobId parent, StepIndex step) {
  Rows found = cancelled_.query(parent.value, std::int64_t{step});
  return found.next() && found.integer(0) != 0;
}

std::optional<ChildLine> ChildLines::find(JobId parent, const ChildPlace& place) {
  Rows found = find_.query(parent.value, std::int64_t{place.step}, place.key);
  return found.next() ? std::optional(line_in(found)) : std::nullopt;
}

std::vector<ChildLine> ChildLines::page(JobId parent, const std::optional<ChildPlace>& after,
                                        std::size_t limit) {
  const std::int64_t step = after ? std::int64_t{after->step} : -1;
  const std::string key = after ? after->key : std::string{};
  std::vector<ChildLine> lines;
  Rows found = page_.query(parent.value, step, key, row_limit(limit));
  while (found.next()) {
    lines.push_back(line_in(found));
    const auto word = found.maybe_integer(8);
    if (word) lines.back().word = word_of(*word);
    if (lines.back().outcome) lines.back().word = lines.back().outcome->word;
  }
  return lines;
}

std::vector<ChildLine> ChildLines::settled(JobId parent, StepIndex step, std::uint32_t after,
                                           std::size_t limit) {
  std::vector<ChildLine> lines;
  Rows found =
      settled_.query(parent.value, std::int64_t{step}, std::int64_t{after}, row_limit(limit));
  while (found.next()) lines.push_back(line_in(found));
  return lines;
}

}  // namespace stepd::storage::sqlite
