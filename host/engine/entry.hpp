#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "host/engine/content_hash.hpp"
#include "host/engine/definition.hpp"
#include "host/engine/id.hpp"
#include "host/engine/outcome.hpp"
#include "host/engine/step_state.hpp"
#include "host/engine/usage.hpp"

/// What a journal is made of. State is a fold over entries and changes by nothing else, so each
/// entry carries absolute values (a call's number, the attempts made so far), never increments:
/// the middle of a long series of calls can be dropped and the fold ends the same (D6).
namespace stepd::engine {

/// The job was accepted. Always the first entry.
struct Submitted {
  friend bool operator==(const Submitted&, const Submitted&) = default;
};

/// A type unknown at submit has been loaded: from here on the step keeps this snapshot (J2).
struct SnapshotCompleted {
  StepIndex step = 0;
  StepTypeSnapshot snapshot{};
  friend bool operator==(const SnapshotCompleted&, const SnapshotCompleted&) = default;
};

/// What every call of the step sees (J7); written only when it differs from the definition.
struct ArgumentsResolved {
  StepIndex step = 0;
  JsonText args{};
  friend bool operator==(const ArgumentsResolved&, const ArgumentsResolved&) = default;
};

struct CallStarted {
  StepIndex step = 0;
  Phase phase = Phase::execute;
  std::uint64_t call = 0;     // its number within the job
  std::uint32_t attempt = 1;  // charged attempts of this phase, this one included
  std::uint32_t calls = 1;    // calls of this phase, this one included
  std::uint32_t version = 1;  // of the step type
  ModuleHash module{};
  friend bool operator==(const CallStarted&, const CallStarted&) = default;
};

/// What a call reported, or what became of it. What follows from it stands in a StepMoved.
struct CallEnded {
  StepIndex step = 0;
  std::uint64_t call = 0;
  OutcomeKind outcome = OutcomeKind::succeeded;
  JsonText output{};
  Error error{};
  Usage used{};
  friend bool operator==(const CallEnded&, const CallEnded&) = default;
};

/// The step's new state, whole.
struct StepMoved {
  StepIndex step = 0;
  Phase phase = Phase::execute;
  Effect effect = Effect::none;
  std::uint32_t attempts = 0;        // charged in this phase since its count last began
  bool in_doubt = false;             // how its last call ended is not known
  bool resuming = false;             // its next call goes on where the last one suspended
  std::uint32_t crashes_in_row = 0;  // on the module of its last call (A7)
  StepCondition to{};
  JsonText output{};  // an operator's or a probe's; empty: as before
  friend bool operator==(const StepMoved&, const StepMoved&) = default;
};

/// The step runs longer than its policy's attention threshold (C5): flagged until it succeeds.
struct AttentionRaised {
  StepIndex step = 0;
  friend bool operator==(const AttentionRaised&, const AttentionRaised&) = default;
};

/// The job goes backward from here on (C1).
struct TurnedBack {
  Cause cause{};
  friend bool operator==(const TurnedBack&, const TurnedBack&) = default;
};

/// A cancel or a deadline that waits for a pivot to be decided (C4).
struct CancelNoted {
  Cause cause{};
  friend bool operator==(const CancelNoted&, const CancelNoted&) = default;
};

/// The deadline passed where it changes nothing any more: past the pivot (C4).
struct DeadlinePassed {
  friend bool operator==(const DeadlinePassed&, const DeadlinePassed&) = default;
};

struct Paused {
  friend bool operator==(const Paused&, const Paused&) = default;
};
struct Resumed {
  friend bool operator==(const Resumed&, const Resumed&) = default;
};

/// A verb an operator used; the entries after it in the same row are its effect (O1).
struct OperatorActed {
  std::string verb{};
  std::string request_id{};
  std::string actor{};
  std::string reason{};
  std::optional<StepIndex> step{};
  ContentHash content{};
  friend bool operator==(const OperatorActed&, const OperatorActed&) = default;
};

struct Settled {
  SettledState state = SettledState::succeeded;
  friend bool operator==(const Settled&, const Settled&) = default;
};

/// A wait with a key is over; a StepMoved says where the step goes. Kept for good, unlike the calls
/// around it: every later call of the phase is told of it (W2).
struct WaitEnded {
  StepIndex step = 0;
  EndedWait as{};
  friend bool operator==(const WaitEnded&, const WaitEnded&) = default;
};

/// The step started so many jobs; those of a name it had used before were there already (W3).
struct ChildrenSpawned {
  StepIndex step = 0;
  std::uint32_t count = 0;
  friend bool operator==(const ChildrenSpawned&, const ChildrenSpawned&) = default;
};

/// How far the children of a step have come, where that ends a wait or lets the job go on.
struct ChildrenSettled {
  StepIndex step = 0;
  std::uint32_t spawned = 0;  // all there are
  std::uint32_t settled = 0;
  std::uint32_t unsuccessful = 0;  // of those settled
  friend bool operator==(const ChildrenSettled&, const ChildrenSettled&) = default;
};

/// From here on the job has this priority; until then, that of its definition.
struct PriorityChanged {
  std::int32_t priority = 0;
  friend bool operator==(const PriorityChanged&, const PriorityChanged&) = default;
};

/// From here on calls of the step that do not execute go to this build, for as long as it is there;
/// to none: to the one its job's pin names.
struct BuildBound {
  StepIndex step = 0;
  ModuleHash module{};
  friend bool operator==(const BuildBound&, const BuildBound&) = default;
};

/// The order is part of the journal's format: append only.
using Entry = std::variant<Submitted, SnapshotCompleted, ArgumentsResolved, CallStarted, CallEnded,
                           StepMoved, AttentionRaised, TurnedBack, CancelNoted, DeadlinePassed,
                           Paused, Resumed, OperatorActed, Settled, WaitEnded, ChildrenSpawned,
                           ChildrenSettled, PriorityChanged, BuildBound>;

/// What one commit adds to a job's journal. `number` counts rows of the job from 1; numbers of
/// dropped rows are not used again (D6). Recorded time never decreases within a job.
struct JournalRow {
  std::uint64_t number = 0;
  TimePoint at{};
  std::vector<Entry> entries{};
  friend bool operator==(const JournalRow&, const JournalRow&) = default;
};

}  // namespace stepd::engine
