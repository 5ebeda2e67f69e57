#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "host/engine/codec.hpp"
#include "host/engine/entry.hpp"
#include "host/engine/record.hpp"

namespace stepd::rehearsal {

/// What a job's journal says on plain reading, without the engine's own fold: the judge must not
/// share the mistakes of the judged.
struct Record {
  engine::JobDefinition definition{};
  std::map<std::uint64_t, engine::CallStarted> calls_started{};
  std::map<std::uint64_t, engine::OutcomeKind> calls_ended{};
  std::set<engine::StepIndex> succeeded{};  // or skipped; at some time
  std::set<engine::StepIndex> skipped{};
  std::set<engine::StepIndex> left{};
  std::map<engine::StepIndex, engine::Phase> parked{};  // now
  std::vector<engine::StepIndex> compensated{};         // in the order they were
  std::set<std::string> request_ids{};                  // of verbs
  std::multiset<std::string> taken_events{};            // by id
  bool paused = false;                                  // now
  std::set<std::uint64_t> started_paused{};             // calls
  std::set<std::uint64_t> started_backward{};           // calls of execute
  std::set<std::uint64_t> stopped_with_host{};          // calls, in good order
  std::optional<engine::Cause> turned_back{};
  std::optional<engine::SettledState> settled{};
  std::uint64_t rows_after_settling = 0;

  static Record read(const engine::LoadedJob& job) {
    Record record{.definition = engine::decode_definition(job.definition)};
    for (const engine::StoredRow& row : job.rows) {
      record.add_row(engine::decode_entries(row.entries));
    }
    return record;
  }

  void add_row(std::span<const engine::Entry> entries) {
    if (settled) ++rows_after_settling;
    for (const engine::Entry& entry : entries) note(entry);
  }

 private:
  void note(const engine::Entry& entry) {
    if (const auto* started = std::get_if<engine::CallStarted>(&entry)) {
      calls_started.emplace(started->call, *started);
      if (paused) started_paused.insert(started->call);
      const bool forward = started->phase == engine::Phase::execute;
      if (turned_back && forward) started_backward.insert(started->call);
    } else if (const auto* ended = std::get_if<engine::CallEnded>(&entry)) {
      calls_ended[ended->call] = ended->outcome;
    } else if (const auto* moved = std::get_if<engine::StepMoved>(&entry)) {
      note_move(*moved);
    } else if (const auto* turned = std::get_if<engine::TurnedBack>(&entry)) {
      turned_back = turned->cause;
    } else if (std::holds_alternative<engine::Paused>(entry) ||
               std::holds_alternative<engine::Resumed>(entry)) {
      paused = std::holds_alternative<engine::Paused>(entry);
    } else if (const auto* acted = std::get_if<engine::OperatorActed>(&entry)) {
      request_ids.insert(acted->request_id);
    } else if (const auto* over = std::get_if<engine::WaitEnded>(&entry)) {
      if (over->as.event) taken_events.insert(over->as.event->id);
    } else if (const auto* end = std::get_if<engine::Settled>(&entry)) {
      settled = end->state;
    }
  }

  void note_move(const engine::StepMoved& moved) {
    const bool done = std::holds_alternative<engine::Succeeded>(moved.to) ||
                      std::holds_alternative<engine::Skipped>(moved.to);
    if (done) succeeded.insert(moved.step);
    const auto* stopping = std::get_if<engine::Stopping>(&moved.to);
    const bool host_ends = stopping && stopping->cause == engine::StopCause::shutdown;
    if (host_ends) stopped_with_host.insert(stopping->call);
    if (std::holds_alternative<engine::Skipped>(moved.to)) skipped.insert(moved.step);
    parked.erase(moved.step);
    if (std::holds_alternative<engine::Parked>(moved.to)) parked.emplace(moved.step, moved.phase);
    if (std::holds_alternative<engine::Left>(moved.to)) left.insert(moved.step);
    if (std::holds_alternative<engine::Compensated>(moved.to)) compensated.push_back(moved.step);
  }
};

}  // namespace stepd::rehearsal
