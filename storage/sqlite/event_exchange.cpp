#include "storage/sqlite/event_exchange.hpp"

#include <limits>
#include <utility>

#include "storage/sqlite/job_columns.hpp"

namespace stepd::storage::sqlite {
namespace {

using engine::EventNumber;
using engine::GivenEvent;
using engine::StepIndex;
using engine::TakenEvent;

constexpr std::string_view insert_event = R"sql(
INSERT INTO event (tenant, id, key, job, data, at) VALUES (?, ?, ?, ?, ?, ?) RETURNING number)sql";

constexpr std::string_view select_event = R"sql(
SELECT number, id, key, job, data, at, given_to FROM event WHERE tenant = ? AND id = ?)sql";

constexpr std::string_view select_addressee =
    "SELECT settled_at IS NOT NULL FROM job WHERE id = ? AND tenant = ?";

constexpr std::string_view select_oldest_wait = R"sql(
SELECT job, step, call FROM wait WHERE tenant = ? AND key = ? ORDER BY number LIMIT 1)sql";

constexpr std::string_view select_oldest_wait_of_job = R"sql(
SELECT job, step, call FROM wait WHERE job = ? AND key = ? ORDER BY number LIMIT 1)sql";

// Those for any job and those for this one, each with one look into the index.
constexpr std::string_view select_oldest_event = R"sql(
SELECT number, id, key, data, at FROM event WHERE number = (
  SELECT min(number) FROM (
    SELECT min(number) AS number FROM event
    WHERE tenant = (SELECT tenant FROM job WHERE job.id = ?1) AND key = ?2 AND job IS NULL
      AND given_to IS NULL
    UNION ALL
    SELECT min(number) FROM event
    WHERE tenant = (SELECT tenant FROM job WHERE job.id = ?1) AND key = ?2 AND job = ?1
      AND given_to IS NULL)))sql";

constexpr std::string_view give =
    "UPDATE event SET given_to = ?, given_step = ?, given_call = ? WHERE number = ?";

constexpr std::string_view wake_if_given = R"sql(
UPDATE job SET due = min(coalesce(due, ?2), ?2), wait = 0
WHERE id = ?1 AND settled_at IS NULL AND EXISTS (
  SELECT 1 FROM event WHERE given_to = ?1 AND given_to IS NOT NULL AND recorded = 0))sql";

constexpr std::string_view select_wait = "SELECT 1 FROM wait WHERE job = ? AND step = ?";

constexpr std::string_view insert_wait = R"sql(
INSERT INTO wait (job, step, call, tenant, key)
SELECT id, ?2, ?3, tenant, ?4 FROM job WHERE id = ?1)sql";

constexpr std::string_view delete_wait = "DELETE FROM wait WHERE job = ? AND step = ?";

constexpr std::string_view delete_waits = "DELETE FROM wait WHERE job = ?";

constexpr std::string_view record = "UPDATE event SET recorded = 1 WHERE number = ?";

constexpr std::string_view give_back = R"sql(
UPDATE event SET given_to = NULL, given_step = NULL, given_call = NULL
WHERE number = ? AND recorded = 0 RETURNING number, id, key, data, at, tenant, job)sql";

constexpr std::string_view expire = R"sql(
DELETE FROM event WHERE number IN (
  SELECT number FROM event WHERE at < ? AND (given_to IS NULL OR recorded = 1) LIMIT ?))sql";

constexpr std::string_view select_given = R"sql(
SELECT number, id, key, data, at, given_step, given_call FROM event
WHERE given_to = ? AND given_to IS NOT NULL AND recorded = 0 ORDER BY number)sql";

constexpr std::string_view select_page = R"sql(
SELECT number, id, key, job, data, at, given_to FROM event
WHERE tenant = ?1 AND number < ?2 AND (?3 = 0 OR given_to IS NULL)
ORDER BY number DESC LIMIT ?4)sql";

constexpr std::string_view select_page_of_key = R"sql(
SELECT number, id, key, job, data, at, given_to FROM event
WHERE tenant = ?1 AND number < ?2 AND (?3 = 0 OR given_to IS NULL) AND key = ?5
ORDER BY number DESC LIMIT ?4)sql";

std::int64_t column(EventNumber number) { return static_cast<std::int64_t>(number.value); }
EventNumber number_in(const Rows& found) { return {static_cast<std::uint64_t>(found.integer(0))}; }

/// Of the columns number, id, key, data and at.
TakenEvent event_in(const Rows& found) {
  return {.number = number_in(found),
          .id = found.bytes(1),
          .key = found.bytes(2),
          .data = engine::JsonText(found.bytes(3)),
          .at = time_of(found.integer(4))};
}

std::optional<JobId> job_in(const Rows& found, int place) {
  const auto id = found.maybe_integer(place);
  return id ? std::optional(JobId{*id}) : std::nullopt;
}

EventLine line_in(const Rows& found) {
  return {.number = number_in(found),
          .id = found.bytes(1),
          .key = found.bytes(2),
          .data = engine::JsonText(found.bytes(4)),
          .at = time_of(found.integer(5)),
          .job = job_in(found, 3),
          .given_to = job_in(found, 6)};
}

}  // namespace

EventExchange::EventExchange(Database& database)
    : database_(database),
      insert_(database, insert_event),
      find_(database, select_event),
      addressee_(database, select_addressee),
      oldest_wait_(database, select_oldest_wait),
      oldest_wait_of_job_(database, select_oldest_wait_of_job),
      oldest_event_(database, select_oldest_event),
      give_(database, sqlite::give),
      wake_(database, wake_job),
      wake_if_given_(database, wake_if_given),
      find_wait_(database, select_wait),
      insert_wait_(database, insert_wait),
      delete_wait_(database, delete_wait),
      delete_waits_(database, delete_waits),
      record_(database, sqlite::record),
      give_back_(database, sqlite::give_back),
      expire_(database, sqlite::expire) {}

EventResult EventExchange::insert(const SentEvent& event) {
  if (auto first = find(event.tenant, event.id)) return EventRepeated{*std::move(first)};
  const auto job = event.job ? std::optional(event.job->value) : std::nullopt;
  if (job) {
    Rows found = addressee_.query(*job, event.tenant);
    if (!found.next()) return EventUndeliverable{.settled = false};
    if (found.integer(0) != 0) return EventUndeliverable{.settled = true};
  }
  TakenEvent kept{.id = event.id, .key = event.key, .data = event.data, .at = event.at};
  {
    Rows added = insert_.query(event.tenant, event.id, event.key, job, event.data.view(),
                               sqlite::column(event.at));
    if (added.next()) kept.number = number_in(added);
  }
  const auto waiting = oldest_wait(event.tenant, event.key, job);
  if (!waiting) return EventStored{};
  end_wait(waiting->job, waiting->step);
  give(*waiting, std::move(kept), event.at);
  return EventStored{waiting->job};
}

std::optional<EventLine> EventExchange::find(const std::string& tenant, const std::string& id) {
  Rows found = find_.query(tenant, id);
  return found.next() ? std::optional(line_in(found)) : std::nullopt;
}

std::optional<EventExchange::Waiting> EventExchange::oldest_wait(std::string_view tenant,
                                                                 std::string_view key,
                                                                 std::optional<std::int64_t> job) {
  Rows found = job ? oldest_wait_of_job_.query(*job, key) : oldest_wait_.query(tenant, key);
  if (!found.next()) return std::nullopt;
  return Waiting{{found.integer(0)},
                 static_cast<StepIndex>(found.integer(1)),
                 static_cast<std::uint64_t>(found.integer(2))};
}

void EventExchange::give(const Waiting& to, TakenEvent event, TimePoint now) {
  give_.run(to.job.value, std::int64_t{to.step}, static_cast<std::int64_t>(to.call),
            column(event.number));
  wake_.run(to.job.value, sqlite::column(now));
  given_.push_back({to.job, {to.step, to.call, std::move(event)}});
}

bool EventExchange::is_waiting(JobId job, StepIndex step) {
  Rows found = find_wait_.query(job.value, std::int64_t{step});
  return found.next();
}

void EventExchange::end_wait(JobId job, StepIndex step) {
  delete_wait_.run(job.value, std::int64_t{step});
}

void EventExchange::begin_wait(JobId job, const engine::EventWait& wait, TimePoint now) {
  std::optional<TakenEvent> kept;
  {
    Rows found = oldest_event_.query(job.value, wait.key);
    if (found.next()) kept = event_in(found);
  }
  if (kept) {
    give({job, wait.step, wait.call}, *std::move(kept), now);
    return;
  }
  insert_wait_.run(job.value, std::int64_t{wait.step}, static_cast<std::int64_t>(wait.call),
                   wait.key);
}

void EventExchange::record(EventNumber number) { record_.run(column(number)); }

void EventExchange::give_back(EventNumber number, TimePoint now) {
  TakenEvent event;
  std::string tenant;
  std::optional<JobId> job;
  {
    Rows found = give_back_.query(column(number));
    if (!found.next()) return;
    event = event_in(found);
    tenant = found.bytes(5);
    job = job_in(found, 6);
  }
  const auto waiting =
      oldest_wait(tenant, event.key, job ? std::optional(job->value) : std::nullopt);
  if (!waiting) return;
  end_wait(waiting->job, waiting->step);
  give(*waiting, std::move(event), now);
}

void EventExchange::make_due_if_given(JobId job, TimePoint now) {
  wake_if_given_.run(job.value, sqlite::column(now));
}

void EventExchange::forget(JobId job) { delete_waits_.run(job.value); }

std::size_t EventExchange::expire(TimePoint before, std::size_t limit) {
  const std::uint64_t changed = database_.rows_changed();
  expire_.run(sqlite::column(before), row_limit(limit));
  return database_.rows_changed() - changed;
}

std::vector<EventGiven> EventExchange::take_given() { return std::exchange(given_, {}); }

GivenEvents::GivenEvents(Database& database) : given_(database, select_given) {}

std::vector<GivenEvent> GivenEvents::of(JobId job) {
  std::vector<GivenEvent> given;
  Rows found = given_.query(job.value);
  while (found.next()) {
    given.push_back({static_cast<StepIndex>(found.integer(5)),
                     static_cast<std::uint64_t>(found.integer(6)), event_in(found)});
  }
  return given;
}

EventLines::EventLines(Database& database)
    : all_(database, select_page), of_key_(database, select_page_of_key) {}

std::vector<EventLine> EventLines::page(const EventFilter& filter,
                                        std::optional<EventNumber> before, std::size_t limit) {
  constexpr std::int64_t beyond = std::numeric_limits<std::int64_t>::max();
  const std::int64_t below = before ? column(*before) : beyond;
  const std::int64_t kept_only = filter.kept_only ? 1 : 0;
  std::vector<EventLine> lines;
  Rows found = filter.key.empty()
                   ? all_.query(filter.tenant, below, kept_only, row_limit(limit))
                   : of_key_.query(filter.tenant, below, kept_only, row_limit(limit), filter.key);
  while (found.next()) lines.push_back(line_in(found));
  return lines;
}

}  // namespace stepd::storage::sqlite
