#include <algorithm>

#include "host/engine/child.hpp"
#include "host/runtime/child_undo.hpp"
#include "tests/simulation/simulated_host.hpp"

/// Compensations that undo the jobs of their step, and settled jobs that are removed.
namespace stepd::simulation {

using namespace engine;
using namespace std::chrono_literals;

/// The call that has just ended wants some of the jobs undone that execute started.
void SimulatedHost::undo_by_chance(CallReported& reported, const Record& record) {
  const auto started = record.calls_started.find(reported.call.number);
  if (started == record.calls_started.end() || started->second.phase != Phase::compensate) return;
  const std::optional<JobId> undone = undone_job(record.definition);
  const StepIndex step = started->second.step;
  const CallRequest request{.id = reported.call,
                            .step = record.definition.steps[step].id,
                            .step_index = step,
                            .phase = Phase::compensate,
                            .executed_in = undone};
  for (const storage::ChildLine& child :
       store_->children(undone.value_or(reported.call.job), {}, 100)) {
    if (child.step != step || is_name_of_undo(child.key) || chance_.below(4) == 0) continue;
    const auto checked = runtime::check_undo(*store_, request, child.key);
    const auto* undo = std::get_if<std::shared_ptr<const DerivedJob>>(&checked);
    if (!undo) continue;
    reported.outcome.spawns.push_back({.key = name_of_undo(child.key), .undo = *undo});
    undos_asked_[reported.call].push_back(name_of_undo(child.key));
  }
  const bool waits = reported.outcome.kind == OutcomeKind::suspended;
  if (waits && !reported.outcome.spawns.empty() && chance_.coin()) {
    reported.outcome.wait = Wait{.children = ChildWait{}};
  }
}

/// Undos that stand in the journal have been made, or told to be none.
void SimulatedHost::judge_undos(JobId job, const std::vector<Entry>& row) {
  const auto spawns = [](const Entry& entry) {
    return std::holds_alternative<ChildrenSpawned>(entry);
  };
  for (const Entry& entry : row) {
    const auto* ended = std::get_if<CallEnded>(&entry);
    const auto asked = ended ? undos_asked_.find({job, ended->call}) : undos_asked_.end();
    if (asked == undos_asked_.end()) continue;
    for (const std::string& key : asked->second) {
      if (!std::ranges::any_of(row, spawns)) break;
      if (!store_->child(job, {ended->step, key})) {
        throw Broken("W3: job " + to_text(job) + " has asked for " + key + ", and there is none");
      }
      ++world_.seen["undos of what a step started"];
    }
    undos_asked_.erase(asked);
  }
}

/// The jobs that may still want to know of this one: whose step has started it, which it undoes,
/// and likewise upwards.
std::set<JobId> SimulatedHost::those_above(JobId job) {
  std::set<JobId> above;
  std::vector<JobId> to_look_at{job};
  while (!to_look_at.empty()) {
    const JobId id = to_look_at.back();
    const Record* record = record_of(id);
    to_look_at.pop_back();
    if (!record) continue;
    const auto& definition = record->definition;
    // A job takes along who had started it, and, unless it was an undo itself, by whom it was
    // undone.
    const bool knows_parent = definition.parent && (id == job || store_->find(id));
    std::optional<JobId> undone = undone_job(definition);
    const Record* origin = undone ? record_of(*undone) : nullptr;
    const bool is_known = origin && (undone_job(origin->definition) || store_->find(*undone));
    if (!is_known) undone.reset();
    for (const auto& next :
         {knows_parent ? std::optional(definition.parent->job) : std::nullopt, undone}) {
      if (next && above.insert(*next).second) to_look_at.push_back(*next);
    }
  }
  return above;
}

/// It had settled, and nothing unsettled refers to it (D5).
void SimulatedHost::take_removed(JobId job) {
  if (store_->find(job)) throw Broken("O1: job " + to_text(job) + " is deleted and still there");
  const Record* record = record_of(job);
  if (!record || !record->settled) {
    throw Broken("O1: job " + to_text(job) + " is deleted and had not settled");
  }
  std::set<JobId> needed = those_above(job);
  for (const JobId above : needed) {
    const Record* known = record_of(above);
    if (known && !known->settled) {
      throw Broken("D5: job " + to_text(job) + " is deleted, and job " + to_text(above) +
                   " may still want to know of it");
    }
  }
  needed.insert(job);
  world_.removed(job);
  saved_.removed(job);
  for (const JobId other : world_.promised()) {
    const Record* made = record_of(other);
    if (!made || made->settled || !made->definition.origin) continue;
    const Origin& origin = *made->definition.origin;
    const bool refers =
        needed.contains(origin.job) || std::ranges::any_of(origin.kept, [&](const KeptStep& kept) {
          return needed.contains(kept.job);
        });
    if (refers) {
      throw Broken("D5: job " + to_text(job) + " is deleted, and job " + to_text(other) +
                   " still needs it");
    }
  }
}

/// Retention takes what has settled some time ago, as far as it may.
void SimulatedHost::expire() {
  const TimePoint before = now_.wall - 5s;
  const storage::Expiry expiry{.succeeded_before = before, .unsuccessful_before = before};
  world_.seen["expired"] += store_->expire(epoch_, expiry, 1 + chance_.below(3));
  const std::set<JobId> promised = world_.promised();
  for (const JobId job : promised) {
    if (!store_->find(job)) take_removed(job);
  }
}

}  // namespace stepd::simulation
