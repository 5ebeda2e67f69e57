#include <algorithm>

#include "storage/memory/memory_edit.hpp"

/// Events and waits in a memory store.
namespace stepd::storage {

using engine::EventNumber;
using engine::EventWait;

std::vector<engine::GivenEvent> given_events(const MemoryRecord& record, JobId job) {
  std::vector<engine::GivenEvent> given;
  for (const auto& [number, row] : record.events) {
    if (row.line.given_to != job || row.recorded) continue;
    const EventLine& line = row.line;
    given.push_back({row.step, row.call, {number, line.id, line.key, line.data, line.at}});
  }
  return given;
}

EventResult MemoryEdit::insert(const SentEvent& event) {
  for (const auto& [number, row] : record_.events) {
    if (row.tenant == event.tenant && row.line.id == event.id) return EventRepeated{row.line};
  }
  if (event.job) {
    const auto job = record_.jobs.find(*event.job);
    if (job == record_.jobs.end() || job->second->kept.tenant != event.tenant) {
      return EventUndeliverable{.settled = false};
    }
    if (job->second->kept.head.settled_at) return EventUndeliverable{.settled = true};
  }
  const EventNumber number{++record_.last_number};
  EventRow& row = record_.events[number];
  row.tenant = event.tenant;
  row.line = {.number = number,
              .id = event.id,
              .key = event.key,
              .data = event.data,
              .at = event.at,
              .job = event.job,
              .given_to = {}};
  offer_to_waits(row, event.at);
  return EventStored{row.line.given_to};
}

void MemoryEdit::offer_to_waits(EventRow& event, TimePoint now) {
  auto oldest = record_.waits.end();
  for (auto each = record_.waits.begin(); each != record_.waits.end(); ++each) {
    const WaitRow& row = each->second;
    if (row.tenant != event.tenant || row.wait.key != event.line.key) continue;
    if (event.line.job && *event.line.job != each->first.first) continue;
    if (oldest == record_.waits.end() || row.number < oldest->second.number) oldest = each;
  }
  if (oldest == record_.waits.end()) return;
  const JobId job = oldest->first.first;
  const EventWait wait = oldest->second.wait;
  record_.waits.erase(oldest);
  give(event, job, wait, now);
}

void MemoryEdit::give(EventRow& event, JobId job, const EventWait& wait, TimePoint now) {
  event.line.given_to = job;
  event.step = wait.step;
  event.call = wait.call;
  wake(job, now);
  const EventLine& line = event.line;
  given_.push_back(
      {job, {wait.step, wait.call, {line.number, line.id, line.key, line.data, line.at}}});
}

void MemoryEdit::wake(JobId job, TimePoint now) {
  const auto found = record_.jobs.find(job);
  if (found == record_.jobs.end() || found->second->kept.head.settled_at) return;
  auto woken = std::make_shared<MemoryRecord::Job>(*found->second);
  woken->kept.head.due = std::min(woken->kept.head.due.value_or(now), now);
  woken->kept.head.wait = {};
  found->second = std::move(woken);
}

void MemoryEdit::write_waits(const Change& change) {
  for (const engine::StepIndex step : change.ended_waits) record_.waits.erase({change.job, step});
  for (const EventNumber number : change.recorded_events) {
    const auto row = record_.events.find(number);
    if (row != record_.events.end()) row->second.recorded = true;
  }
  for (const EventNumber number : change.returned_events) {
    const auto row = record_.events.find(number);
    if (row == record_.events.end() || row->second.recorded) continue;
    row->second.line.given_to.reset();
    offer_to_waits(row->second, change.at);
  }
  for (const EventWait& wait : change.waits) begin_wait(change.job, wait, change.at);
  const bool goes_on = change.head && !engine::is_settled(change.head->word);
  if (goes_on && has_given(change.job)) wake(change.job, change.at);
}

void MemoryEdit::begin_wait(JobId job, const EventWait& wait, TimePoint now) {
  const std::string& tenant = record_.jobs.at(job)->kept.tenant;
  for (auto& [number, row] : record_.events) {
    const bool fits = row.tenant == tenant && row.line.key == wait.key && !row.line.given_to &&
                      (!row.line.job || *row.line.job == job);
    if (!fits) continue;
    give(row, job, wait, now);
    return;
  }
  record_.waits[{job, wait.step}] = {++record_.last_number, tenant, wait};
}

bool MemoryEdit::has_given(JobId job) const { return !given_events(record_, job).empty(); }

}  // namespace stepd::storage
