#include "storage/memory/memory_edit.hpp"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "host/engine/planted_bug.hpp"
#include "storage/storable.hpp"

namespace stepd::storage {
namespace {

using engine::JobWord;
using engine::StepBlob;

auto place_of(const StepBlob& blob) { return std::tie(blob.step, blob.phase, blob.kind, blob.key); }

void keep(std::vector<StepBlob>& blobs, const StepBlob& blob) {
  const auto before = [](const StepBlob& a, const StepBlob& b) {
    return place_of(a) < place_of(b);
  };
  const auto found = std::lower_bound(blobs.begin(), blobs.end(), blob, before);
  if (found == blobs.end() || place_of(*found) != place_of(blob)) {
    blobs.insert(found, blob);
  } else if (blob.kind == StepBlob::Kind::checkpoint) {
    found->bytes = blob.bytes;
  }
}

std::optional<JobId> parent_of(const MemoryRecord::Job& job) {
  return job.parent ? std::optional(job.parent->job) : std::nullopt;
}

bool expired(const engine::JobHead& head, const Expiry& expiry) {
  if (!head.settled_at) return false;
  return *head.settled_at <
         (head.word == JobWord::succeeded ? expiry.succeeded_before : expiry.unsuccessful_before);
}

}  // namespace

std::optional<Duplicate> MemoryEdit::holder(const std::string& tenant,
                                            const engine::SubmitKey& key) const {
  const JobId beyond{std::numeric_limits<std::int64_t>::max()};
  auto found = record_.keys.upper_bound({key.key, tenant, beyond});
  if (found == record_.keys.begin()) return std::nullopt;
  const auto& [name, row] = *--found;
  const auto& [its_key, its_tenant, id] = name;
  if (its_key != key.key || its_tenant != tenant) return std::nullopt;
  const auto job = record_.jobs.find(id);
  const JobWord word = job == record_.jobs.end() ? row.word : job->second->kept.head.word;
  const bool without_success = engine::is_settled(word) && word != JobWord::succeeded;
  if (key.rerun_unsuccessful && without_success && key.content == row.content) return std::nullopt;
  return Duplicate{id, row.content};
}

std::optional<JobId> last_undo(const MemoryRecord& record, JobId origin) {
  std::optional<JobId> last;
  for (auto row = record.derived.lower_bound({origin, {}});
       row != record.derived.end() && row->first.first == origin; ++row) {
    if (row->second.kind == engine::Origin::Kind::undo) last = row->second.job;
  }
  if (!last) return std::nullopt;
  const auto later = last_undo(record, *last);
  return later ? later : last;
}

std::optional<Underivable> MemoryEdit::undone(JobId origin) const {
  const auto by = last_undo(record_, origin);
  if (!by) return std::nullopt;
  const auto undo = record_.jobs.find(*by);
  const bool failed = undo != record_.jobs.end() && undo->second->kept.head.word == JobWord::failed;
  return Underivable{.why = Underivable::Why::undone, .job = *by, .failed = failed};
}

std::optional<Underivable> MemoryEdit::objection(const engine::Derivation& derivation) const {
  using Why = Underivable::Why;
  const auto known = record_.derived.find({derivation.origin, derivation.request_id});
  if (known != record_.derived.end()) {
    return Underivable{.why = Why::asked_before,
                       .job = known->second.job,
                       .kind = known->second.kind,
                       .content = known->second.content};
  }
  if (!record_.jobs.contains(derivation.origin)) return Underivable{Why::gone, derivation.origin};
  if (derivation.kind == engine::Origin::Kind::undo) {
    if (auto by = undone(derivation.origin)) return by;
  }
  const auto relying = relying_on(derivation.origin);
  if (relying && derivation.kind == engine::Origin::Kind::undo) {
    return Underivable{Why::relied_on, *relying};
  }
  for (const JobId id : derivation.relies_on) {
    if (!record_.jobs.contains(id)) return Underivable{Why::gone, id};
    if (derivation.goes_on) continue;
    if (auto by = undone(id)) return by;
  }
  return std::nullopt;
}

std::optional<JobId> MemoryEdit::relying_on(JobId origin) const {
  for (const auto& [id, job] : record_.jobs) {
    const JobWord word = job->kept.head.word;
    const bool counts = !engine::is_settled(word) || word == JobWord::succeeded;
    const auto& kept = job->relies_on;
    const bool relies = std::find(kept.begin(), kept.end(), origin) != kept.end();
    if (counts && relies && !last_undo(record_, id)) return id;
  }
  return std::nullopt;
}

std::optional<JobId> MemoryEdit::unsettled_from(JobId origin) const {
  for (auto row = record_.derived.lower_bound({origin, {}});
       row != record_.derived.end() && row->first.first == origin; ++row) {
    const auto job = record_.jobs.find(row->second.job);
    if (job != record_.jobs.end() && !job->second->kept.head.settled_at) return job->first;
  }
  for (const auto& [id, job] : record_.jobs) {
    const auto& kept = job->relies_on;
    const bool relies = std::find(kept.begin(), kept.end(), origin) != kept.end();
    if (relies && !job->kept.head.settled_at) return id;
  }
  return std::nullopt;
}

/// The job that this one undoes or whose undo it goes on with.
std::optional<JobId> MemoryEdit::undone_by(JobId undo) const {
  for (const auto& [name, row] : record_.derived) {
    if (row.job == undo && row.kind == engine::Origin::Kind::undo) return name.first;
  }
  return std::nullopt;
}

/// The job that this one undoes and the one whose step has started it, and likewise upwards: each
/// may still want to know how it ended, to undo it, or what its undo came to.
std::optional<JobId> MemoryEdit::referring(JobId id) const {
  if (const auto by = unsettled_from(id)) return by;
  const auto job = record_.jobs.find(id);
  const bool is_there = job != record_.jobs.end();  // an undo in the middle may be gone
  for (const auto& above : {is_there ? parent_of(*job->second) : std::nullopt, undone_by(id)}) {
    if (!above) continue;
    const auto there = record_.jobs.find(*above);
    if (there != record_.jobs.end() && !there->second->kept.head.settled_at) return above;
    if (const auto by = referring(*above)) return by;
  }
  return std::nullopt;
}

void MemoryEdit::copy_compensation_blobs(JobId from, Job& to) const {
  for (const StepBlob& blob : record_.jobs.at(from)->blobs) {
    if (blob.phase == engine::Phase::compensate) to.blobs.push_back(blob);
  }
}

SubmitResult MemoryEdit::insert(const NewJob& submit) {
  if (submit.derivation) {
    if (const auto why = objection(*submit.derivation)) return *why;
  }
  if (submit.key) {
    if (const auto duplicate = holder(submit.tenant, *submit.key)) return *duplicate;
  }
  require_storable(submit);
  auto job = std::make_shared<Job>();
  job->parent = submit.parent;
  if (submit.derivation) {
    job->relies_on = submit.derivation->relies_on;
    job->made_by = submit.derivation->request_id;
    if (submit.derivation->goes_on) copy_compensation_blobs(submit.derivation->origin, *job);
  }
  job->kept = {.id = submit.id,
               .tenant = submit.tenant,
               .name = submit.name,
               .key = submit.key ? submit.key->key : std::string{},
               .head = submit.head,
               .definition = submit.definition,
               .rows = {{.number = 1, .at = submit.at, .entries = submit.first_row}}};
  if (!record_.jobs.emplace(submit.id, std::move(job)).second) {
    refuse(submit.id, "there is a job of this id already");
  }
  if (submit.key) {
    record_.keys[{submit.key->key, submit.tenant, submit.id}].content = submit.key->content;
  }
  if (submit.derivation) {
    const engine::Derivation& from = *submit.derivation;
    record_.derived[{from.origin, from.request_id}] = {from.kind, submit.id, from.content};
  }
  record_.highest_id = std::max(record_.highest_id, submit.id);
  if (submit.claimed && !engine::is_settled(submit.head.word)) claimed_.insert(submit.id);
  return Committed{};
}

ChangeResult MemoryEdit::apply(const Change& change) {
  const auto found = record_.jobs.find(change.job);
  if (found == record_.jobs.end()) return Conflict{};
  const std::uint64_t last = found->second->kept.rows.back().number;
  if (change.row != 0 && change.row != last + 1) return Conflict{};
  const auto is_overtaken = [&](engine::StepIndex step) {
    return !record_.waits.contains({change.job, step});
  };
  if (std::ranges::any_of(change.ended_waits, is_overtaken)) return Conflict{};
  require_storable(change, std::max(last, change.row));
  if (change.remove) {
    const auto by = referring(change.job);
    if (by && !engine::planted(engine::PlantedBug::deletes_what_is_needed)) return Referred{*by};
    remove(change.job, change.at);
    return Committed{};
  }

  auto job = std::make_shared<Job>(*found->second);
  auto& rows = job->kept.rows;
  if (change.row != 0) rows.push_back({change.row, change.at, change.entries});
  for (const std::uint64_t dropped : change.dropped_rows) {
    std::erase_if(rows, [&](const engine::StoredRow& row) { return row.number == dropped; });
  }
  if (change.head) job->kept.head = *change.head;
  for (const StepBlob& blob : change.blobs) keep(job->blobs, blob);
  if (change.release || engine::is_settled(job->kept.head.word)) claimed_.erase(change.job);
  found->second = std::move(job);
  write_waits(change);
  write_children(change);
  return Committed{};
}

void MemoryEdit::remove(JobId id, TimePoint at) {
  const auto found = record_.jobs.find(id);
  const LoadedJob& job = found->second->kept;
  const auto key = record_.keys.find({job.key, job.tenant, id});
  if (key != record_.keys.end()) {
    key->second.word = job.head.word;
    key->second.settled_at = job.head.settled_at.value_or(at);
  }
  record_.jobs.erase(found);
  const auto is_of_job = [id](const auto& row) { return row.first.first == id; };
  std::erase_if(record_.waits, is_of_job);
  std::erase_if(record_.broods, is_of_job);
  claimed_.erase(id);
  forget_derived(id);
}

/// What has gone on with an undo is told of for as long as the job is there that is undone, so the
/// rows of undos that are gone go with that one.
void MemoryEdit::forget_derived(JobId gone) {
  if (undone_by(gone)) return;
  std::optional<JobId> next;
  for (const auto& [name, row] : record_.derived) {
    if (name.first == gone && row.kind == engine::Origin::Kind::undo) next = row.job;
  }
  std::erase_if(record_.derived, [gone](const auto& row) { return row.first.first == gone; });
  if (next && !record_.jobs.contains(*next)) forget_derived(*next);
}

void MemoryEdit::shorten_waits(TimePoint now, engine::Duration by) {
  for (auto& [id, job] : record_.jobs) {
    const engine::JobHead& head = job->kept.head;
    if (head.wait == engine::Duration::zero() || !head.due || *head.due <= now) continue;
    auto shortened = std::make_shared<Job>(*job);
    shortened->kept.head.due = std::min(*head.due - by, now + head.wait);
    job = std::move(shortened);
  }
}

std::size_t MemoryEdit::offer(const std::set<std::string>& types, TimePoint now,
                              std::size_t limit) {
  std::size_t count = 0;
  for (auto& [id, job] : record_.jobs) {
    if (count == limit) break;
    const engine::JobHead& head = job->kept.head;
    const auto is_offered = [&types](const std::string& type) { return types.contains(type); };
    const bool waits = is_offered(head.needs) || std::ranges::any_of(head.also_needs, is_offered);
    if (head.settled_at || head.needs.empty() || !waits) continue;
    auto offered = std::make_shared<Job>(*job);
    offered->kept.head.needs.clear();
    offered->kept.head.also_needs.clear();
    offered->kept.head.due = std::min(head.due.value_or(now), now);
    job = std::move(offered);
    ++count;
  }
  return count;
}

std::size_t MemoryEdit::expire(const Expiry& expiry, std::size_t limit) {
  std::vector<JobId> gone;
  for (const auto& [id, job] : record_.jobs) {
    if (gone.size() == limit) break;
    if (!expired(job->kept.head, expiry)) continue;
    const bool takes_all = engine::planted(engine::PlantedBug::expires_what_is_needed);
    if (takes_all || !referring(id)) gone.push_back(id);
  }
  for (const JobId id : gone) remove(id, {});

  std::size_t count = gone.size();
  for (auto event = record_.events.begin(); event != record_.events.end() && count < limit;) {
    const EventRow& row = event->second;
    const bool outlived =
        row.line.at < expiry.events_before && (!row.line.given_to || row.recorded);
    event = outlived ? (++count, record_.events.erase(event)) : std::next(event);
  }
  for (auto key = record_.keys.begin(); key != record_.keys.end() && count < limit;) {
    const bool outlived = key->second.settled_at && *key->second.settled_at < expiry.keys_before;
    key = outlived ? (++count, record_.keys.erase(key)) : std::next(key);
  }
  return count;
}

}  // namespace stepd::storage
