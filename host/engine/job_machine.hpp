#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "host/engine/catalogue.hpp"
#include "host/engine/engine.hpp"
#include "host/engine/entry.hpp"
#include "host/engine/job_state.hpp"

/// The rules of a job, as pure functions of its state: what an event means (`decide`), what follows
/// from a state by itself (`follow`), and what starting a call takes (`start`). They return journal
/// entries; the caller applies them, commits them, and only then lets anything happen outside.
///
/// The job goes forward until a step is abandoned, an operator cancels or the deadline passes; from
/// then on backward, and never forward again. Once its pivot has succeeded it only goes forward.
///
///   forward ──▶ past pivot ──▶ succeeded
///      └─▶ backward ──▶ compensated | cancelled | failed
namespace stepd::engine {

/// What the rules are told beside the state.
struct Rulebook {
  TimePoint now{};
  const Catalogue& catalogue;
  const PolicyDefaults& defaults;
  std::uint32_t attention_after = 10;
  std::uint32_t crashes_max = 3;
  std::size_t args_bytes_max = Limits{}.args_bytes_max;  // resolved
};

struct CallTooLong {
  std::uint64_t call = 0;
  bool silent = false;
};
/// Waits of these steps, or the job's way forward, have reached their time.
struct TimePassed {
  std::vector<StepIndex> steps;
  bool deadline = false;
};
/// The host that ran the job's calls is gone, `alive` ones apart; of some it is proven that they
/// crashed it.
struct HostGone {
  std::set<std::uint64_t> crashed;
  std::set<std::uint64_t> alive;
};
/// The store will not keep what the job's last turn wanted recorded (D1).
struct RecordRefused {};
struct HostEnding {};
/// The store has given an event to a wait of this job (W2).
struct EventArrived {
  GivenEvent given;
};

/// What the store counts of a step's children (W3).
struct ChildrenCame {
  ChildCounts counts;
};
/// The job that started this one has turned back.
struct ParentTurnedBack {};

using JobEvent = std::variant<CallTooLong, TimePassed, HostGone, RecordRefused, HostEnding, Verb,
                              EventArrived, ChildrenCame, ParentTurnedBack>;

/// Changes nothing, and that is all right: late and repeated reports are normal life.
struct Ignored {
  enum class Why : std::uint8_t { late_report, nothing_due, repeated_request, no_change };
  Why why = Why::no_change;
  friend bool operator==(const Ignored&, const Ignored&) = default;
};
using Entries = std::vector<Entry>;
using Decision = std::variant<Entries, Ignored, Refused>;

[[nodiscard]] Decision decide(const JobState& job, const JobEvent& event, const Rulebook& rules);
/// The end of a call; apart from the other events, for an outcome may be large.
[[nodiscard]] Decision end_call(const JobState& job, std::uint64_t call, const Outcome& outcome,
                                const Rulebook& rules);

/// What the state itself demands next; apply it and ask again until it is empty. Settling comes
/// last of all.
[[nodiscard]] Entries follow(const JobState& job, const Rulebook& rules);

/// The build that would run the step's next call; null: none is there. Points into the catalogue.
[[nodiscard]] const StepType* build_for(const JobState& job, StepIndex step,
                                        const Catalogue& catalogue);

/// Why a ready step cannot start now, though there may be a slot for it.
enum class Obstacle : std::uint8_t { none, paused, type_missing, version_unfit, build_missing };
[[nodiscard]] Obstacle obstacle(const JobState& job, StepIndex step, const Catalogue& catalogue);

/// What starting the ready step takes: its arguments (J7) and a call, or giving it up because they
/// cannot be resolved. The step must have no obstacle.
[[nodiscard]] Entries start(const JobState& job, StepIndex step, const Rulebook& rules);

/// The call that is now running, as a request.
[[nodiscard]] CallRequest request_of(const JobState& job, StepIndex step, Epoch epoch);

/// The policy of the step's present phase.
[[nodiscard]] const RetryPolicy& policy_of(const StepTypeSnapshot& type, Phase phase);

}  // namespace stepd::engine
