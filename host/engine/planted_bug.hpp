#pragma once

#include <cstdint>

/// Bugs that the tests switch on to see that their checks catch them. Only the extra build of the
/// engine that the simulation links has the switch; in every other build each is constantly off.
namespace stepd::engine {

enum class PlantedBug : std::uint8_t {
  none,
  acknowledges_unstored,       // a submit that was not stored is answered as accepted
  acts_before_commit,          // effects happen though their record is not on disk
  compensates_in_any_order,    // without waiting for the steps after
  forgets_attempts,            // the count is lost with the host
  runs_settled_again,          // a retry of a settled job starts a call
  refusal_forgets_effect,      // a clean refusal wipes out an earlier time-out
  compensates_beside_call,     // the way back does not wait for a running call
  takes_late_reports,          // any report ends the call that happens to run
  repeats_after_success,       // a recorded success is run again after a restart
  ignores_policy_end,          // a saga step is retried for ever
  never_compensates_in_doubt,  // only effects that are certain are undone
  loses_given_event,           // an event is marked as recorded, and wakes nobody
  undoes_what_was_kept,        // a rerun takes over effects with the outcomes it keeps
  settles_before_children,     // a job does not wait for the jobs that it started
  forgets_children,            // how they ended is lost with the host
  turns_back_past_pivot,       // a step that cannot go on takes the job back over its pivot
  repeats_without_asking,      // in doubt, though the step's type offers a probe
  repeats_in_doubt,            // what must not be repeated
  starts_while_paused,         // a call
  skip_forgets_effect,         // what a skipped step did before is taken for none
  starts_after_any,            // a step, once one of those that it comes after is done
  forgets_memos,               // what a call saves for good is acknowledged and nowhere
  forgets_checkpoints,         // likewise
  forgets_last_checkpoint,     // that a call leaves with its answer
  saves_when_over,             // a call that has reported still saves
  forgets_arguments,           // what references came to: calls see them as they were sent
  forgets_undos,               // those a compensation asks for: recorded, and none is made
  undoes_again,                // a continued undo compensates what is compensated already
  deletes_what_is_needed,      // a settled job, whatever refers to it
  expires_what_is_needed       // likewise, by retention
};

#ifdef STEPD_PLANTED_BUGS
inline PlantedBug planted_bug = PlantedBug::none;
[[nodiscard]] inline bool planted(PlantedBug bug) { return planted_bug == bug; }
#else
[[nodiscard]] constexpr bool planted(PlantedBug) { return false; }
#endif

}  // namespace stepd::engine
