#include "storage/sqlite/job_writer.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "storage/sqlite/needed_jobs.hpp"
#include "storage/storable.hpp"

namespace stepd::storage::sqlite {
namespace {

using engine::JobWord;
using engine::StepBlob;

constexpr std::string_view select_key_holder = R"sql(
SELECT job_key.job, job_key.content, coalesce(job.word, job_key.word)
FROM job_key LEFT JOIN job ON job.id = job_key.job
WHERE job_key.key = ? AND job_key.tenant = ?
ORDER BY job_key.job DESC LIMIT 1)sql";

constexpr std::string_view insert_key =
    "INSERT INTO job_key (key, tenant, job, content) VALUES (?, ?, ?, ?)";

constexpr std::string_view insert_job = R"sql(
INSERT INTO job (id, word, due, wait, needs, attention, settled_at, tenant, name, key, accepted_at,
  first_row, definition, parent, parent_step, priority, made_by)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?))sql";

constexpr std::string_view select_standing = R"sql(
SELECT word, coalesce((SELECT max(row) FROM journal WHERE journal.job = job.id), 1), last_rows
FROM job WHERE id = ?)sql";

constexpr std::string_view update_head = R"sql(
UPDATE job SET word = ?, due = ?, wait = ?, priority = ?, settled_at = ?, needs = ?, attention = ?
WHERE id = ?)sql";

// What leaves columns alone leaves their indexes alone, too.
constexpr std::string_view update_plain_head =
    "UPDATE job SET word = ?, due = ?, wait = ?, priority = ?, settled_at = ? WHERE id = ?";

constexpr std::string_view settle_plain_head = R"sql(
UPDATE job SET word = ?, due = ?, wait = ?, priority = ?, settled_at = ?, last_rows = ?
WHERE id = ?)sql";

constexpr std::string_view replace_checkpoint = R"sql(
INSERT INTO step_blob (job, step, phase, kind, key, bytes) VALUES (?, ?, ?, 0, '', ?)
ON CONFLICT DO UPDATE SET bytes = excluded.bytes)sql";

constexpr std::string_view insert_memo = R"sql(
INSERT INTO step_blob (job, step, phase, kind, key, bytes) VALUES (?, ?, ?, 1, ?, ?)
ON CONFLICT DO NOTHING)sql";

constexpr std::string_view delete_job =
    "DELETE FROM job WHERE id = ? RETURNING key, tenant, word, settled_at";

constexpr std::string_view delete_blobs = "DELETE FROM step_blob WHERE job = ?";

constexpr std::string_view settle_key =
    "UPDATE job_key SET word = ?, settled_at = ? WHERE key = ? AND tenant = ? AND job = ?";

constexpr std::string_view raise_highest_removed =
    "UPDATE host SET highest_removed = ?1 WHERE highest_removed < ?1";

// What is due already is passed by, so that jobs that wait for their turn cost nothing here.
constexpr std::string_view shorten_waits = R"sql(
UPDATE job INDEXED BY job_open SET due = min(due - ?2, ?1 + wait)
WHERE settled_at IS NULL AND priority = ?3 AND due > ?1 AND wait > 0)sql";

// That of the starter is asked first, for speed: it may have a great many.
std::string select_expired(const std::string& words) {
  return R"sql(
SELECT id, word FROM job AS settled INDEXED BY job_word
WHERE word <> 1 AND word <> 2 AND word IN )sql" +
         words + R"sql( AND settled_at < ? AND NOT EXISTS (
    SELECT 1 FROM job AS starter WHERE starter.id = settled.parent AND starter.settled_at IS NULL)
  AND NOT EXISTS ()sql" +
         select_needing("settled.id") + ")\nLIMIT ?";
}

constexpr std::string_view expire_keys = R"sql(
DELETE FROM job_key WHERE (key, tenant, job) IN (
  SELECT key, tenant, job FROM job_key WHERE settled_at < ? LIMIT ?))sql";

constexpr std::string_view add_count = "UPDATE word SET jobs = jobs + ? WHERE code = ?";

constexpr std::string_view select_derived_by_request =
    "SELECT kind, job, content FROM derived_job WHERE origin = ? AND request_id = ?";

constexpr std::string_view select_there = "SELECT 1 FROM job WHERE id = ?";

constexpr std::string_view insert_derived =
    "INSERT INTO derived_job (origin, request_id, kind, job, content) "
    "VALUES (?, ?, ?, ?, nullif(?, x''))";

// Of the compensations alone: what execute has kept stays with the job that ran it.
constexpr std::string_view copy_compensation_blobs = R"sql(
INSERT INTO step_blob (job, step, phase, kind, key, bytes)
SELECT ?2, step, phase, kind, key, bytes FROM step_blob WHERE job = ?1 AND phase = 2)sql";

constexpr std::string_view insert_kept_from =
    "INSERT INTO kept_from (job, rerun) VALUES (?, ?) ON CONFLICT DO NOTHING";

// One that did not succeed has nothing left that would be built on it, nor has one that is undone.
constexpr std::string_view select_relying_on = R"sql(
SELECT made.id FROM kept_from CROSS JOIN job AS made ON made.id = kept_from.rerun
WHERE kept_from.job = ? AND (made.settled_at IS NULL OR made.word = 7)
  AND NOT EXISTS (SELECT 1 FROM derived_job WHERE origin = made.id AND kind = 1)
LIMIT 1)sql";

constexpr std::string_view delete_kept_from = "DELETE FROM kept_from WHERE job = ?";

// What has gone on with an undo is told of for as long as the job is there that is undone, so the
// rows of undos that are gone go with that one.
constexpr std::string_view delete_derived = R"sql(
DELETE FROM derived_job WHERE origin IN (
  WITH RECURSIVE gone (id) AS (
    SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM derived_job WHERE job = ?1 AND kind = 1)
    UNION
    SELECT made.job FROM gone CROSS JOIN derived_job AS made
      ON made.origin = gone.id AND made.kind = 1
    WHERE NOT EXISTS (SELECT 1 FROM job WHERE job.id = made.job))
  SELECT id FROM gone))sql";

// Of one call of expire: about what an ordinary batch changes.
constexpr std::uint64_t rows_expired_max = 2000;

}  // namespace

JobWriter::JobWriter(Database& database)
    : database_(database),
      journal_(database),
      events_(database),
      children_(database),
      key_holder_(database, select_key_holder),
      insert_key_(database, insert_key),
      insert_job_(database, insert_job),
      standing_(database, select_standing),
      update_head_(database, update_head),
      update_plain_head_(database, update_plain_head),
      settle_plain_head_(database, settle_plain_head),
      replace_checkpoint_(database, replace_checkpoint),
      insert_memo_(database, insert_memo),
      delete_job_(database, delete_job),
      delete_blobs_(database, delete_blobs),
      settle_key_(database, settle_key),
      raise_highest_removed_(database, raise_highest_removed),
      shorten_waits_(database, sqlite::shorten_waits),
      priorities_(database),
      types_(database),
      expired_succeeded_(database, select_expired("(7)")),
      expired_unsuccessful_(database, select_expired("(8, 9, 10, 11)")),
      expire_keys_(database, expire_keys),
      add_count_(database, add_count),
      derived_by_request_(database, select_derived_by_request),
      undo_of_(database, last_undo),
      job_there_(database, select_there),
      insert_derived_(database, insert_derived),
      copy_compensation_blobs_(database, copy_compensation_blobs),
      referring_(database, select_needing("?1") + " LIMIT 1"),
      insert_kept_from_(database, insert_kept_from),
      relying_on_(database, select_relying_on),
      delete_kept_from_(database, delete_kept_from),
      delete_derived_(database, delete_derived) {}

std::optional<Duplicate> JobWriter::holder(const std::string& tenant,
                                           const engine::SubmitKey& key) {
  Rows found = key_holder_.query(key.key, tenant);
  if (!found.next()) return std::nullopt;
  const Duplicate duplicate{{found.integer(0)}, {found.bytes(1)}};
  const JobWord word = word_of(found.integer(2));
  const bool without_success = engine::is_settled(word) && word != JobWord::succeeded;
  if (key.rerun_unsuccessful && without_success && key.content == duplicate.content) {
    return std::nullopt;
  }
  return duplicate;
}

std::optional<Underivable> JobWriter::undone(JobId origin) {
  Rows found = undo_of_.query(origin.value);
  if (!found.next()) return std::nullopt;
  const auto word = found.maybe_integer(1);
  return Underivable{.why = Underivable::Why::undone,
                     .job = {found.integer(0)},
                     .failed = word && word_of(*word) == JobWord::failed};
}

bool JobWriter::is_there(JobId id) {
  Rows found = job_there_.query(id.value);
  return found.next();
}

std::optional<Underivable> JobWriter::objection(const engine::Derivation& derivation) {
  using Why = Underivable::Why;
  {
    Rows known = derived_by_request_.query(derivation.origin.value, derivation.request_id);
    if (known.next()) {
      return Underivable{.why = Why::asked_before,
                         .job = {known.integer(1)},
                         .kind = static_cast<engine::Origin::Kind>(known.integer(0)),
                         .content = {known.bytes(2)}};
    }
  }
  if (!is_there(derivation.origin)) return Underivable{Why::gone, derivation.origin};
  if (derivation.kind == engine::Origin::Kind::undo) {
    if (auto by = undone(derivation.origin)) return by;
    Rows relying = relying_on_.query(derivation.origin.value);
    if (relying.next()) return Underivable{Why::relied_on, {relying.integer(0)}};
  }
  for (const JobId id : derivation.relies_on) {
    if (!is_there(id)) return Underivable{Why::gone, id};
    if (derivation.goes_on) continue;
    if (auto by = undone(id)) return by;
  }
  return std::nullopt;
}

std::optional<JobId> JobWriter::referring(JobId job) {
  Rows found = referring_.query(job.value);
  return found.next() ? std::optional(JobId{found.integer(0)}) : std::nullopt;
}

SubmitResult JobWriter::insert(const NewJob& job) {
  if (job.derivation) {
    if (auto why = objection(*job.derivation)) return *why;
  }
  if (job.key) {
    if (auto duplicate = holder(job.tenant, *job.key)) return *std::move(duplicate);
  }
  require_storable(job);
  const auto key = job.key ? std::optional<std::string_view>{job.key->key} : std::nullopt;
  insert_job_.run(
      job.id.value, code_of(job.head.word), column(job.head.due), job.head.wait.count(),
      job.head.needs, std::int64_t{job.head.attention}, column(job.head.settled_at), job.tenant,
      job.name, key, column(job.at), Bytes{job.first_row}, Bytes{job.definition},
      job.parent ? std::optional(job.parent->job.value) : std::nullopt,
      job.parent ? std::optional<std::int64_t>(job.parent->step) : std::nullopt,
      std::int64_t{job.head.priority},
      job.derivation ? std::optional<std::string_view>(job.derivation->request_id) : std::nullopt);
  if (!job.head.also_needs.empty()) types_.write(job.id, job.head.also_needs);
  if (job.derivation) insert_derivation(job.id, *job.derivation);
  if (job.key) {
    insert_key_.run(job.key->key, job.tenant, job.id.value, Bytes{job.key->content.bytes});
  }
  count(job.head.word, 1);
  if (job.claimed && !engine::is_settled(job.head.word)) {
    claimed_.put(job.id, {1, job.head.word, stands_out(job.head)});
  }
  return Committed{};
}

void JobWriter::insert_derivation(JobId made, const engine::Derivation& from) {
  insert_derived_.run(from.origin.value, from.request_id, static_cast<std::int64_t>(from.kind),
                      made.value, Bytes{from.content.bytes});
  for (const JobId kept : from.relies_on) insert_kept_from_.run(kept.value, made.value);
  if (from.goes_on) copy_compensation_blobs_.run(from.origin.value, made.value);
}

std::optional<Standing> JobWriter::standing(JobId id) {
  if (const Standing* claimed = claimed_.find(id)) return *claimed;
  Rows found = standing_.query(id.value);
  if (!found.next()) return std::nullopt;
  return Standing{
      .last_row = std::max(static_cast<std::uint64_t>(found.integer(1)), last_in(found.view(2))),
      .word = word_of(found.integer(0))};
}

ChangeResult JobWriter::apply(const Change& change) {
  const auto before = standing(change.job);
  if (!before) return Conflict{};
  if (change.row != 0 && change.row != before->last_row + 1) return Conflict{};
  if (is_overtaken(change)) return Conflict{};
  Standing after = *before;
  after.last_row = std::max(before->last_row, change.row);
  require_storable(change, after.last_row);
  if (change.remove) {
    if (const auto by = referring(change.job)) return Referred{*by};
    remove(change.job, shown_word(before->word, before->last_row), change.at);
    return Committed{};
  }

  write_record(change, *before);
  if (change.head) {
    after.word = change.head->word;
    after.stands_out = stands_out(*change.head);
  }
  for (const StepBlob& blob : change.blobs) write_blob(change.job, blob);
  write_waits(change);
  write_children(change, after);

  count(shown_word(before->word, before->last_row), -1);
  count(shown_word(after.word, after.last_row), 1);
  if (claimed_.find(change.job) == nullptr) return Committed{};
  if (change.release || engine::is_settled(after.word)) {
    claimed_.drop(change.job);
  } else {
    claimed_.put(change.job, after);
  }
  return Committed{};
}

/// The row and the head: the last rows of a job that settles with nothing of note go into its own.
void JobWriter::write_record(const Change& change, const Standing& before) {
  const bool is_claimed = claimed_.find(change.job) != nullptr;
  const bool settles = change.head && engine::is_settled(change.head->word);
  if (engine::is_settled(before.word)) journal_.reopen(change.job);
  if (is_claimed && settles && !before.stands_out && !stands_out(*change.head)) {
    const std::string last_rows = journal_.add_last(change);
    if (!last_rows.empty()) return write_settled_head(change.job, *change.head, last_rows);
  } else {
    journal_.add(change, is_claimed && !settles && !change.release);
  }
  if (change.head) write_head(change.job, *change.head, before.stands_out);
}

/// A wait that is to end without an event has been given one: the first wake wins (W1).
bool JobWriter::is_overtaken(const Change& change) {
  return std::ranges::any_of(change.ended_waits, [&](engine::StepIndex step) {
    return !events_.is_waiting(change.job, step);
  });
}

void JobWriter::write_waits(const Change& change) {
  for (const engine::StepIndex step : change.ended_waits) events_.end_wait(change.job, step);
  for (const engine::EventNumber number : change.recorded_events) events_.record(number);
  for (const engine::EventNumber number : change.returned_events) {
    events_.give_back(number, change.at);
  }
  for (const engine::EventWait& wait : change.waits) {
    events_.begin_wait(change.job, wait, change.at);
  }
  // A head that is written takes the place of the due time that an event has brought.
  const bool goes_on = change.head && !engine::is_settled(change.head->word);
  if (goes_on) events_.make_due_if_given(change.job, change.at);
}

void JobWriter::write_children(const Change& change, const Standing& after) {
  for (const NewJob& child : change.children) {
    if (!children_.add(*child.parent, child.id)) continue;
    if (std::holds_alternative<Committed>(insert(child))) continue;
    // The gate that comes with every new child tells the parent.
    static_cast<void>(children_.settle(*child.parent, outcome_of_unmade(), change.at));
  }
  for (const engine::StepIndex step : change.cancelled_children) {
    children_.cancel(change.job, step, change.at);
    cancelled_.push_back({change.job, step});
  }
  for (const engine::ChildGate& gate : change.gates) {
    if (auto counts = children_.watch(change.job, gate, change.at)) {
      counts->as_of_row = after.last_row;
      child_news_.push_back({change.job, *counts});
    }
  }
  if (change.heeds_parent && change.parent &&
      children_.heed(change.job, *change.parent, change.at)) {
    cancelled_.push_back({change.parent->job, change.parent->step});
  }
  if (!change.outcome || !change.parent) return;
  if (auto counts = children_.settle(*change.parent, *change.outcome, change.at)) {
    if (const auto parent = standing(change.parent->job)) counts->as_of_row = parent->last_row;
    child_news_.push_back({change.parent->job, *counts});
  }
}

void JobWriter::tell(BatchResult& result) {
  result.given = events_.take_given();
  result.child_news = std::exchange(child_news_, {});
  result.cancelled = std::exchange(cancelled_, {});
}

void JobWriter::write_head(JobId id, const engine::JobHead& head, bool stood_out) {
  if (!stood_out && !stands_out(head)) {
    update_plain_head_.run(code_of(head.word), column(head.due), head.wait.count(),
                           std::int64_t{head.priority}, column(head.settled_at), id.value);
    return;
  }
  update_head_.run(code_of(head.word), column(head.due), head.wait.count(),
                   std::int64_t{head.priority}, column(head.settled_at), head.needs,
                   std::int64_t{head.attention}, id.value);
  types_.write(id, head.also_needs);
}

void JobWriter::write_settled_head(JobId id, const engine::JobHead& head,
                                   const std::string& last_rows) {
  settle_plain_head_.run(code_of(head.word), column(head.due), head.wait.count(),
                         std::int64_t{head.priority}, column(head.settled_at), Bytes{last_rows},
                         id.value);
}

void JobWriter::write_blob(JobId id, const StepBlob& blob) {
  const auto step = static_cast<std::int64_t>(blob.step);
  const auto phase = static_cast<std::int64_t>(blob.phase);
  switch (blob.kind) {
    case StepBlob::Kind::checkpoint:
      replace_checkpoint_.run(id.value, step, phase, Bytes{blob.bytes});
      break;
    case StepBlob::Kind::memo:
      insert_memo_.run(id.value, step, phase, blob.key, Bytes{blob.bytes});
      break;
  }
}

void JobWriter::remove(JobId id, JobWord shown, TimePoint at) {
  {
    Rows gone = delete_job_.query(id.value);
    if (!gone.next()) return;
    const std::int64_t settled_at = gone.maybe_integer(3).value_or(column(at));
    settle_key_.run(gone.integer(2), settled_at, gone.bytes(0), gone.bytes(1), id.value);
  }
  journal_.remove(id);
  delete_blobs_.run(id.value);
  events_.forget(id);
  children_.forget(id);
  delete_derived_.run(id.value);
  delete_kept_from_.run(id.value);
  raise_highest_removed_.run(id.value);
  count(shown, -1);
  claimed_.drop(id);
}

void JobWriter::shorten_waits(TimePoint now, engine::Duration by) {
  for (const std::int64_t priority : priorities_.all()) {
    shorten_waits_.run(column(now), by.count(), priority);
  }
}

std::size_t JobWriter::expire(const Expiry& expiry, std::size_t limit) {
  const std::uint64_t rows_max = database_.rows_changed() + rows_expired_max;
  std::size_t removed = expire_jobs(expired_succeeded_, expiry.succeeded_before, limit, rows_max);
  removed +=
      expire_jobs(expired_unsuccessful_, expiry.unsuccessful_before, limit - removed, rows_max);
  if (removed == limit || database_.rows_changed() >= rows_max) return removed;
  removed += children_.sweep(
      std::min<std::uint64_t>(limit - removed, rows_max - database_.rows_changed()));
  if (removed == limit || database_.rows_changed() >= rows_max) return removed;
  removed += events_.expire(expiry.events_before, limit - removed);
  if (removed == limit || database_.rows_changed() >= rows_max) return removed;
  const std::uint64_t before = database_.rows_changed();
  expire_keys_.run(column(expiry.keys_before), row_limit(limit - removed));
  return removed + (database_.rows_changed() - before);
}

std::size_t JobWriter::expire_jobs(Statement& query, TimePoint before, std::size_t limit,
                                   std::uint64_t rows_max) {
  std::vector<std::pair<JobId, JobWord>> expired;
  {
    Rows found = query.query(column(before), row_limit(limit));
    while (found.next()) expired.emplace_back(JobId{found.integer(0)}, word_of(found.integer(1)));
  }
  std::size_t removed = 0;
  for (const auto& [id, word] : expired) {
    if (database_.rows_changed() >= rows_max) break;
    remove(id, word, {});
    ++removed;
  }
  return removed;
}

void JobWriter::write_rest() {
  journal_.write();
  for (std::size_t code = 0; code < counts_.size(); ++code) {
    if (counts_[code] != 0) add_count_.run(counts_[code], static_cast<std::int64_t>(code));
  }
}

void JobWriter::keep() {
  counts_.fill(0);
  journal_.keep();
  claimed_.keep();
}

void JobWriter::undo() {
  counts_.fill(0);
  journal_.undo();
  events_.undo();
  child_news_.clear();
  cancelled_.clear();
  claimed_.undo();
}

}  // namespace stepd::storage::sqlite
