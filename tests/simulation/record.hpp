#pragma once

#include <map>
#include <optional>
#include <set>

#include "host/engine/codec.hpp"
#include "host/engine/entry.hpp"
#include "host/engine/record.hpp"

namespace stepd::simulation {

/// What a job's journal says on plain reading, without the engine's own fold: the judge must not
/// share the mistakes of the judged.
struct Record {
  engine::JobDefinition definition;
  std::set<std::uint64_t> calls_started;
  std::map<std::uint64_t, engine::OutcomeKind> calls_ended;
  std::set<engine::StepIndex> succeeded;  // or skipped; at some time
  std::set<engine::StepIndex> left;
  std::multiset<std::string> taken_events;  // by id
  std::optional<engine::SettledState> settled;
  std::uint64_t rows_after_settling = 0;

  static Record read(const engine::LoadedJob& job) {
    Record record{.definition = engine::decode_definition(job.definition)};
    for (const engine::StoredRow& row : job.rows) {
      if (record.settled) ++record.rows_after_settling;
      for (const engine::Entry& entry : engine::decode_entries(row.entries)) record.note(entry);
    }
    return record;
  }

 private:
  void note(const engine::Entry& entry) {
    if (const auto* started = std::get_if<engine::CallStarted>(&entry)) {
      calls_started.insert(started->call);
    } else if (const auto* ended = std::get_if<engine::CallEnded>(&entry)) {
      calls_ended[ended->call] = ended->outcome;
    } else if (const auto* moved = std::get_if<engine::StepMoved>(&entry)) {
      const bool done = std::holds_alternative<engine::Succeeded>(moved->to) ||
                        std::holds_alternative<engine::Skipped>(moved->to);
      if (done) succeeded.insert(moved->step);
      if (std::holds_alternative<engine::Left>(moved->to)) left.insert(moved->step);
    } else if (const auto* over = std::get_if<engine::WaitEnded>(&entry)) {
      if (over->as.event) taken_events.insert(over->as.event->id);
    } else if (const auto* end = std::get_if<engine::Settled>(&entry)) {
      settled = end->state;
    }
  }
};

}  // namespace stepd::simulation
