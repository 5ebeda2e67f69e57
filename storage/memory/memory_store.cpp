#include "storage/memory/memory_store.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "storage/memory/memory_edit.hpp"

namespace stepd::storage {
namespace {

using engine::JobWord;
using Job = MemoryRecord::Job;

bool passes(const JobFilter& filter, const Job& job) {
  const LoadedJob& kept = job.kept;
  if (!filter.tenant.empty() && kept.tenant != filter.tenant) return false;
  if (!filter.name.empty() && kept.name != filter.name) return false;
  if (!filter.key.empty() && kept.key != filter.key) return false;
  if (filter.attention && kept.head.attention != *filter.attention) return false;
  if (filter.child && job.parent.has_value() != *filter.child) return false;
  if (!filter.not_made_by.empty() && filter.not_made_by == job.made_by) return false;
  return filter.words.empty() ||
         std::find(filter.words.begin(), filter.words.end(), shown_word(job)) != filter.words.end();
}

JobLine line_of(const Job& job) {
  JobLine line{job.kept.id, job.kept.tenant, job.kept.name, job.kept.key, job.kept.head};
  line.head.also_needs.clear();
  line.head.word = shown_word(job);
  return line;
}

std::uint64_t bytes_of(const Job& job) {
  std::uint64_t bytes = job.kept.definition.size();
  for (const auto& row : job.kept.rows) bytes += row.entries.size();
  for (const auto& blob : job.blobs) bytes += blob.bytes.size();
  return bytes;
}

}  // namespace

JobWord shown_word(const MemoryRecord::Job& job) {
  const JobWord word = job.kept.head.word;
  return word == JobWord::queued && job.kept.rows.back().number > 1 ? JobWord::running : word;
}

void MemoryStore::require_current(Epoch epoch) const {
  if (epoch.value > 0 && epoch == record_.epoch) return;
  throw StoreError{StoreError::Kind::fenced,
                   "another host has taken over: the record is at epoch " +
                       std::to_string(record_.epoch.value) + ", this write is of epoch " +
                       std::to_string(epoch.value)};
}

MemoryRecord MemoryStore::snapshot() const {
  const std::lock_guard lock{mutex_};
  return record_;
}

Epoch MemoryStore::acquire() {
  const std::lock_guard lock{mutex_};
  ++record_.epoch.value;
  claimed_.clear();
  return record_.epoch;
}

BatchResult MemoryStore::commit(Epoch epoch, std::span<const NewJob> submits,
                                std::span<const Change> changes,
                                std::span<const SentEvent> events) {
  const std::lock_guard lock{mutex_};
  require_current(epoch);
  MemoryEdit edit{record_, claimed_};
  BatchResult result;
  for (const NewJob& submit : submits) result.submits.push_back(edit.insert(submit));
  for (const Change& change : changes) result.changes.push_back(edit.apply(change));
  for (const SentEvent& event : events) result.events.push_back(edit.insert(event));
  edit.tell(result);
  record_ = std::move(edit.record());
  claimed_ = std::move(edit.claimed());
  return result;
}

Claim MemoryStore::claim(Epoch epoch, TimePoint now, std::size_t limit) {
  const std::lock_guard lock{mutex_};
  require_current(epoch);
  std::vector<std::pair<TimePoint, JobId>> due;
  Claim claim;
  for (const auto& [id, job] : record_.jobs) {
    const auto& when = job->kept.head.due;
    if (!when || claimed_.contains(id)) continue;
    if (*when <= now) {
      due.emplace_back(engine::turn_of(*when, job->kept.head.priority), id);
    } else {
      claim.next_due = std::min(claim.next_due.value_or(*when), *when);
    }
  }
  std::sort(due.begin(), due.end());
  due.resize(std::min(due.size(), limit));
  for (const auto& [turn, id] : due) {
    claim.jobs.push_back(loaded(id));
    claimed_.insert(id);
  }
  return claim;
}

std::optional<LoadedJob> MemoryStore::load(Epoch epoch, JobId id) {
  const std::lock_guard lock{mutex_};
  require_current(epoch);
  const auto found = record_.jobs.find(id);
  if (found == record_.jobs.end()) return std::nullopt;
  if (!engine::is_settled(found->second->kept.head.word)) claimed_.insert(id);
  return loaded(id);
}

void MemoryStore::shorten_waits(Epoch epoch, TimePoint now, engine::Duration by) {
  const std::lock_guard lock{mutex_};
  require_current(epoch);
  MemoryEdit edit{record_, claimed_};
  edit.shorten_waits(now, by);
  record_ = std::move(edit.record());
}

std::size_t MemoryStore::offer(Epoch epoch, const std::set<std::string>& types, TimePoint now,
                               std::size_t limit) {
  const std::lock_guard lock{mutex_};
  require_current(epoch);
  MemoryEdit edit{record_, claimed_};
  const std::size_t found = edit.offer(types, now, limit);
  record_ = std::move(edit.record());
  return found;
}

std::size_t MemoryStore::expire(Epoch epoch, const Expiry& expiry, std::size_t limit) {
  const std::lock_guard lock{mutex_};
  require_current(epoch);
  MemoryEdit edit{record_, claimed_};
  const std::size_t removed = edit.expire(expiry, limit);
  record_ = std::move(edit.record());
  return removed;
}

JobId MemoryStore::highest_id() {
  const std::lock_guard lock{mutex_};
  return record_.highest_id;
}

std::vector<JobLine> MemoryStore::page(const JobFilter& filter, std::optional<JobId> before,
                                       std::size_t limit) {
  const std::lock_guard lock{mutex_};
  std::vector<JobLine> lines;
  auto position = before ? record_.jobs.lower_bound(*before) : record_.jobs.end();
  while (position != record_.jobs.begin() && lines.size() < limit) {
    const Job& job = *(--position)->second;
    if (passes(filter, job)) lines.push_back(line_of(job));
  }
  return lines;
}

std::optional<LoadedJob> MemoryStore::find(JobId id) {
  const std::lock_guard lock{mutex_};
  const auto found = record_.jobs.find(id);
  if (found == record_.jobs.end()) return std::nullopt;
  return loaded(id);
}

std::vector<engine::StoredRow> MemoryStore::journal(JobId id, std::uint64_t after,
                                                    std::size_t limit) {
  const std::lock_guard lock{mutex_};
  std::vector<engine::StoredRow> rows;
  const auto found = record_.jobs.find(id);
  if (found == record_.jobs.end()) return rows;
  for (const engine::StoredRow& row : found->second->kept.rows) {
    if (rows.size() == limit) break;
    if (row.number > after) rows.push_back(row);
  }
  return rows;
}

std::vector<engine::StepBlob> MemoryStore::blobs(JobId id, engine::StepIndex step) {
  const std::lock_guard lock{mutex_};
  std::vector<engine::StepBlob> blobs;
  const auto found = record_.jobs.find(id);
  if (found == record_.jobs.end()) return blobs;
  for (const engine::StepBlob& blob : found->second->blobs) {
    if (blob.step == step) blobs.push_back(blob);
  }
  return blobs;
}

LoadedJob MemoryStore::loaded(JobId id) const {
  const Job& found = *record_.jobs.at(id);
  LoadedJob job = found.kept;
  job.given = given_events(record_, id);
  job.children = child_counts(record_, id);
  if (found.parent) {
    const auto brood = record_.broods.find({found.parent->job, found.parent->step});
    job.parent_turned_back = brood != record_.broods.end() && brood->second.cancelled;
  }
  return job;
}

std::vector<EventLine> MemoryStore::events(const EventFilter& filter,
                                           std::optional<engine::EventNumber> before,
                                           std::size_t limit) {
  const std::lock_guard lock{mutex_};
  std::vector<EventLine> lines;
  auto position = before ? record_.events.lower_bound(*before) : record_.events.end();
  while (position != record_.events.begin() && lines.size() < limit) {
    const MemoryRecord::EventRow& row = (--position)->second;
    if (row.tenant != filter.tenant || (filter.kept_only && row.line.given_to)) continue;
    if (filter.key.empty() || row.line.key == filter.key) lines.push_back(row.line);
  }
  return lines;
}

std::vector<DerivedLine> MemoryStore::derived(JobId origin, std::size_t limit) {
  const std::lock_guard lock{mutex_};
  std::vector<DerivedLine> lines;
  for (auto row = record_.derived.lower_bound({origin, {}});
       row != record_.derived.end() && row->first.first == origin; ++row) {
    lines.push_back({row->second.kind, row->second.job});
  }
  std::sort(lines.begin(), lines.end(),
            [](const DerivedLine& a, const DerivedLine& b) { return a.job < b.job; });
  lines.resize(std::min(lines.size(), limit));
  return lines;
}

std::optional<JobId> MemoryStore::undo_of(JobId origin) {
  const std::lock_guard lock{mutex_};
  return last_undo(record_, origin);
}

std::vector<Count> MemoryStore::counts() {
  const std::lock_guard lock{mutex_};
  std::map<JobWord, std::uint64_t> jobs;
  for (const auto& [id, job] : record_.jobs) ++jobs[shown_word(*job)];
  std::vector<Count> counts;
  for (const auto& [word, count] : jobs) counts.push_back({word, count});
  return counts;
}

Facts MemoryStore::facts() {
  const std::lock_guard lock{mutex_};
  Facts facts{.backend = "memory", .place = "this process"};
  for (const auto& [id, job] : record_.jobs) {
    facts.bytes += bytes_of(*job);
    const engine::JobHead& head = job->kept.head;
    facts.attention += head.attention && !head.settled_at ? 1 : 0;
  }
  return facts;
}

std::optional<JobId> MemoryStore::oldest_unsettled() {
  const std::lock_guard lock{mutex_};
  std::set<JobId> live;
  for (const auto& [id, job] : record_.jobs) {
    if (!job->kept.head.settled_at) live.insert(id);
  }
  for (std::size_t known = 0; known != live.size();) {
    known = live.size();
    for (const auto& [name, row] : record_.derived) {
      if (live.contains(row.job)) live.insert(name.first);
    }
  }
  return live.empty() ? std::nullopt : std::optional(*live.begin());
}

}  // namespace stepd::storage
