#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "host/engine/engine.hpp"

/// What the calls of a job do and what people ask meanwhile, as values: played by `Performance`.
namespace stepd::rehearsal {

/// What a call puts on disk while it runs.
struct Saved {
  engine::StepBlob::Kind kind = engine::StepBlob::Kind::checkpoint;
  std::string key{};
  std::string bytes{};
};

/// How one call goes.
struct Act {
  engine::OutcomeKind ends = engine::OutcomeKind::succeeded;
  // In an execute: the step's effect; in a compensate: its undoing. Never of a call that refuses.
  bool takes_effect = true;
  bool at_once = false;      // it takes its effect when it begins, not when it ends
  bool crashes = false;      // it ends the host's process, after its effect if it takes one
  bool tells_truth = false;  // a probe: it answers by what took place, whatever `ends` says
  engine::Duration lasts{};  // unless it is asked to stop; longer than its time-out: it overruns
  bool silent = false;       // meanwhile it gives no sign of life
  engine::OutcomeKind when_stopped = engine::OutcomeKind::cancelled;
  engine::JsonText output{};  // empty: the script's for the step
  std::optional<engine::Duration> retry_after{};
  std::optional<engine::Duration> wait{};  // suspended
  std::vector<Saved> saves{};
};
/// Of a call that never returns by itself.
inline constexpr engine::Duration for_ever = std::chrono::hours(24) * 3650;

/// The calls of one phase of one step, in order. A call whose report did not come to be recorded is
/// played again: whoever does the step's work does the same twice.
struct Part {
  std::vector<Act> acts{};
  bool last_again = false;  // the last act goes on for ever; else all that follow end well
};

struct StepPhase {
  engine::StepIndex step = 0;
  engine::Phase phase = engine::Phase::execute;
  friend auto operator<=>(const StepPhase&, const StepPhase&) = default;
};

/// Orderly: running calls are asked to stop, then another host takes over.
struct HostEnds {};
/// The same job under the same key, once more.
struct SubmittedAgain {};
using Happening =
    std::variant<engine::Verb, std::shared_ptr<const engine::Catalogue>, HostEnds, SubmittedAgain>;

/// Something that happens beside the calls, once: as soon as what is recorded reads so, before any
/// call that runs then goes on. Each waits for the one before it.
struct Moment {
  std::string step{};   // empty: the job as a whole
  std::string state{};  // of the step; of the job: its word
  std::optional<engine::Phase> phase{};
  std::uint32_t calls_min = 0;  // of the phase
  Happening happens{};
  bool may_not_come = false;  // a crash can take the occasion away
  bool is_refused = false;    // a verb that must not be carried out
};

struct Script {
  std::map<StepPhase, Part> parts{};
  std::vector<engine::JsonText> outputs{};  // by step: what success returns, unless its act says so
  std::vector<Moment> moments{};
  // Steps whose own code is called; the acts of their parts say what goes wrong around it.
  std::set<engine::StepIndex> real{};
  // A person looks at steps parked in doubt: resolved as done, or tried again, as is true.
  bool doubt_is_resolved = false;
};

}  // namespace stepd::rehearsal
