#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "host/engine/id.hpp"
#include "host/engine/outcome.hpp"

/// The life of one step, in one phase (the table "States" of the promises is the specification):
///
///   pending ─▶ ready ─▶ running ─▶ succeeded            compensate: … ─▶ compensated
///                ▲         ├─▶ stopping ─▶ …                         └▶ parked ─▶ left
///                ├─ retrying ◀┤
///                ├─ suspended ◀┤        skipped · abandoned · never: ends of execute without
///                └─ parked ◀───┘        success; a turn back or an operator may bring them about
namespace stepd::engine {

/// Why a call is being stopped; it decides what follows once the call is over.
enum class StopCause : std::uint8_t { timed_out, silent, abandon, cancel, turned_back, shutdown };

enum class ParkReason : std::uint8_t {
  bad_answer,          // an answer that means nothing here, or an output that cannot be recorded
  crashes,             // too many crashes in a row on one build (A7)
  effect_in_doubt,     // possible effect, and nothing that could tell (A9)
  past_pivot,          // cannot go on and must not turn back (C4)
  compensation_ended,  // its compensation was given up (C5)
  not_stored           // the store refused its record (D1)
};

/// Why a step was given up.
enum class AbandonReason : std::uint8_t {
  refused,
  failed,
  attempts_used_up,
  bad_arguments,
  cancel,
  operator_verb,
  turned_back
};

enum class SettledState : std::uint8_t { succeeded, compensated, failed, cancelled, discarded };

/// Why the job turned back; the first one is the job's reason (C6).
struct Cause {
  enum class Kind : std::uint8_t { step_abandoned, cancel, deadline, undo };
  Kind kind = Kind::step_abandoned;
  StepIndex step = 0;  // step_abandoned
  Error error{};       // the step's, or the operator's words
  friend bool operator==(const Cause&, const Cause&) = default;
};

struct Pending {
  friend bool operator==(const Pending&, const Pending&) = default;
};
/// May start as soon as there is a slot and a plugin for it.
struct Ready {
  friend bool operator==(const Ready&, const Ready&) = default;
};
struct Running {
  std::uint64_t call = 0;
  friend bool operator==(const Running&, const Running&) = default;
};
/// Asked to stop, not over yet (A8).
struct Stopping {
  std::uint64_t call = 0;
  StopCause cause = StopCause::timed_out;
  friend bool operator==(const Stopping&, const Stopping&) = default;
};
struct Retrying {
  Due due{};
  friend bool operator==(const Retrying&, const Retrying&) = default;
};
struct Suspended {
  Wait wait{};
  friend bool operator==(const Suspended&, const Suspended&) = default;
};
struct Parked {
  ParkReason reason = ParkReason::bad_answer;
  Error error{};
  friend bool operator==(const Parked&, const Parked&) = default;
};
struct Succeeded {
  friend bool operator==(const Succeeded&, const Succeeded&) = default;
};
struct Skipped {
  friend bool operator==(const Skipped&, const Skipped&) = default;
};
struct Abandoned {
  AbandonReason reason = AbandonReason::refused;
  Error error{};
  friend bool operator==(const Abandoned&, const Abandoned&) = default;
};
/// Will not start any more: the job turned back first.
struct Never {
  friend bool operator==(const Never&, const Never&) = default;
};
struct Compensated {
  friend bool operator==(const Compensated&, const Compensated&) = default;
};
/// Its effect stays: an operator skipped the compensation.
struct Left {
  friend bool operator==(const Left&, const Left&) = default;
};

/// The order is part of the journal's format: append only.
using StepCondition = std::variant<Pending, Ready, Running, Stopping, Retrying, Suspended, Parked,
                                   Succeeded, Skipped, Abandoned, Never, Compensated, Left>;

/// The jobs a step has started, as far as its own journal knows.
struct ChildrenState {
  std::uint64_t spawned_in_row = 0;  // the last row that started some; 0: it has none
  bool open = false;                 // not all of them are known to have settled
  bool news = false;                 // how many have settled was told since the present call began
  std::uint32_t settled = 0;
  std::uint32_t unsuccessful = 0;
  friend bool operator==(const ChildrenState&, const ChildrenState&) = default;
};

/// Counted durably per step and phase (A4).
struct PhaseCounts {
  std::uint32_t calls = 0;
  std::uint32_t attempts = 0;
  friend bool operator==(const PhaseCounts&, const PhaseCounts&) = default;
};

/// One step as the fold over the journal leaves it.
struct StepState {
  Phase phase = Phase::execute;
  Effect effect = Effect::none;
  StepCondition condition{};
  std::uint32_t calls = 0;               // of this phase
  std::uint32_t attempts = 0;            // charged in this phase since its count last began
  std::array<PhaseCounts, 3> earlier{};  // by phase: the counts when it was last left
  bool in_doubt = false;                 // how its last call ended is not known
  bool resuming = false;  // its present or next call goes on where an earlier one suspended
  bool attention = false;
  std::uint32_t crashes_in_row = 0;
  TimePoint ready_since{};  // when it last became ready; what was due then may have come later
  ModuleHash module{};      // of its last call
  ModuleHash bound_to{};    // where probe and compensate go; none: where the job's pin says
  std::uint64_t last_call = 0;
  JsonText args{};    // once resolved; empty: the definition's
  JsonText output{};  // of execute, when known
  Error last_error{};
  ChildrenState children{};
  std::vector<EndedWait> ended_waits{};  // those with a key, in the order in which they ended
  friend bool operator==(const StepState&, const StepState&) = default;
};

}  // namespace stepd::engine
