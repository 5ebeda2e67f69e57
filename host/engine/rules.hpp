#pragma once

#include <string>

#include "host/engine/job_machine.hpp"

/// What several groups of rules share; of no interest outside this room.
namespace stepd::engine {

/// Entries for one step, begun from its present state: each rule says only what it changes.
[[nodiscard]] StepMoved moved(const JobState& job, StepIndex step, StepCondition to);

[[nodiscard]] const StepTypeSnapshot& known_snapshot(const JobState& job, StepIndex step);

/// Its way is forward still, and nothing that would turn it is noted: a cancel is taken and changes
/// something.
[[nodiscard]] bool may_turn_back(const JobState& job);

/// The pivot runs, or it cannot be told whether it took effect (C4).
[[nodiscard]] bool pivot_is_undecided(const JobState& job);

struct Surrender {
  StepIndex step = 0;
  StepMoved as;  // the step as the event leaves it; `to` is decided here
  AbandonReason reason = AbandonReason::refused;
  Error error;
};
/// Gives a step up: it parks where the job must not turn back, else it is abandoned and the job
/// turns back.
void give_up(Entries& entries, const JobState& job, Surrender surrender);

/// The job goes backward, or is to once its pivot is decided (C4).
void turn_back_once_decided(Entries& entries, const JobState& job, Cause cause);

/// The job goes backward; `decided` is the step whose own entry stands before this already.
void turn_back(Entries& entries, const JobState& job, Cause cause,
               std::optional<StepIndex> decided);

/// The step is called on the build that its job's pin names from now on, whichever executed it.
void unbind(Entries& entries, const JobState& job, StepIndex step);

[[nodiscard]] Entries call_over(const JobState& job, StepIndex step, const Outcome& outcome,
                                const Rulebook& rules);
[[nodiscard]] Decision verb_asked(const JobState& job, const Verb& verb);

}  // namespace stepd::engine
