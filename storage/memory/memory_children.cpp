#include <algorithm>
#include <limits>

#include "storage/memory/memory_edit.hpp"
#include "storage/memory/memory_store.hpp"
#include "storage/storable.hpp"

/// The jobs that steps have started, in a memory store.
namespace stepd::storage {

using engine::ChildCounts;
using engine::StepIndex;
using Brood = MemoryRecord::Brood;

namespace {

ChildCounts counts_of(StepIndex step, const Brood& brood) {
  return {.step = step,
          .spawned = static_cast<std::uint32_t>(brood.children.size()),
          .settled = brood.settled,
          .unsuccessful = brood.unsuccessful};
}

std::uint64_t last_row(const MemoryRecord& record, JobId job) {
  const auto found = record.jobs.find(job);
  return found == record.jobs.end() ? 0 : found->second->kept.rows.back().number;
}

}  // namespace

std::vector<ChildCounts> child_counts(const MemoryRecord& record, JobId job) {
  std::vector<ChildCounts> counts;
  for (auto brood = record.broods.lower_bound({job, 0});
       brood != record.broods.end() && brood->first.first == job; ++brood) {
    counts.push_back(counts_of(brood->first.second, brood->second));
    counts.back().as_of_row = last_row(record, job);
  }
  return counts;
}

void MemoryEdit::write_children(const Change& change) {
  for (const NewJob& child : change.children) {
    const engine::ParentLink& link = *child.parent;
    const ChildLine line{.step = link.step, .key = link.key, .job = child.id};
    const bool is_new =
        record_.broods[{link.job, link.step}].children.try_emplace(link.key, line).second;
    if (!is_new || std::holds_alternative<Committed>(insert(child))) continue;
    // The gate that comes with every new child tells the parent.
    static_cast<void>(settle_child(link, outcome_of_unmade()));
  }
  for (const StepIndex step : change.cancelled_children) {
    Brood& brood = record_.broods[{change.job, step}];
    brood.cancelled = true;
    for (const auto& [key, child] : brood.children) {
      if (!child.outcome) wake(child.job, change.at);
    }
    cancelled_.push_back({change.job, step});
  }
  for (const engine::ChildGate& gate : change.gates) {
    record_.broods[{change.job, gate.step}].beyond = gate.beyond;
    tell_parent(change.job, gate.step, change.at);
  }
  if (change.heeds_parent && change.parent) heed(change.job, *change.parent, change.at);
  if (!change.outcome || !change.parent) return;
  if (!settle_child(*change.parent, *change.outcome)) return;
  tell_parent(change.parent->job, change.parent->step, change.at);
}

void MemoryEdit::heed(JobId child, const engine::ParentLink& parent, TimePoint now) {
  const auto brood = record_.broods.find({parent.job, parent.step});
  if (brood == record_.broods.end() || !brood->second.cancelled) return;
  wake(child, now);
  cancelled_.push_back({parent.job, parent.step});
}

bool MemoryEdit::settle_child(const engine::ParentLink& parent,
                              const engine::ChildOutcome& outcome) {
  const auto brood = record_.broods.find({parent.job, parent.step});
  if (brood == record_.broods.end()) return false;
  const auto child = brood->second.children.find(parent.key);
  if (child == brood->second.children.end() || child->second.outcome) return false;
  child->second.outcome = outcome;
  child->second.number = ++brood->second.settled;
  if (!is_success(parent, outcome.word)) ++brood->second.unsuccessful;
  return true;
}

void MemoryEdit::tell_parent(JobId parent, StepIndex step, TimePoint now) {
  const Brood& brood = record_.broods.at({parent, step});
  ChildCounts counts = counts_of(step, brood);
  const bool wanted = counts.all_settled() || (brood.beyond && counts.settled > *brood.beyond);
  if (!wanted) return;
  counts.as_of_row = last_row(record_, parent);
  wake(parent, now);
  child_news_.push_back({parent, counts});
}

void MemoryEdit::tell(BatchResult& result) {
  result.given = std::exchange(given_, {});
  result.child_news = std::exchange(child_news_, {});
  result.cancelled = std::exchange(cancelled_, {});
}

std::vector<ChildLine> MemoryStore::children(JobId parent, const std::optional<ChildPlace>& after,
                                             std::size_t limit) {
  const std::lock_guard lock{mutex_};
  std::vector<ChildLine> lines;
  for (auto brood = record_.broods.lower_bound({parent, after ? after->step : 0});
       brood != record_.broods.end() && brood->first.first == parent; ++brood) {
    const bool same_step = after && after->step == brood->first.second;
    for (const auto& [key, line] : brood->second.children) {
      if (same_step && key <= after->key) continue;
      if (lines.size() == limit) return lines;
      lines.push_back(line);
      const auto job = record_.jobs.find(line.job);
      if (line.outcome) lines.back().word = line.outcome->word;
      if (!line.outcome && job != record_.jobs.end()) lines.back().word = shown_word(*job->second);
    }
  }
  return lines;
}

std::optional<ChildLine> MemoryStore::child(JobId parent, const ChildPlace& place) {
  const std::lock_guard lock{mutex_};
  const auto brood = record_.broods.find({parent, place.step});
  if (brood == record_.broods.end()) return std::nullopt;
  const auto child = brood->second.children.find(place.key);
  return child == brood->second.children.end() ? std::nullopt : std::optional(child->second);
}

std::vector<ChildLine> MemoryStore::settled_children(JobId parent, StepIndex step,
                                                     std::uint32_t after, std::size_t limit) {
  const std::lock_guard lock{mutex_};
  std::vector<ChildLine> lines;
  const auto brood = record_.broods.find({parent, step});
  if (brood == record_.broods.end()) return lines;
  for (const auto& [key, line] : brood->second.children) {
    if (line.outcome && line.number > after) lines.push_back(line);
  }
  std::ranges::sort(lines, {}, &ChildLine::number);
  if (lines.size() > limit) lines.resize(limit);
  return lines;
}

}  // namespace stepd::storage
