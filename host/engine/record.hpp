#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/engine/child.hpp"
#include "host/engine/content_hash.hpp"
#include "host/engine/id.hpp"
#include "host/engine/origin.hpp"
#include "host/engine/outcome.hpp"
#include "host/engine/time.hpp"
#include "host/engine/wait.hpp"

/// What the engine wants kept, in the words a store works with. Definitions and journal rows are
/// bytes here (see codec.hpp): a store keeps them and never looks inside.
namespace stepd::engine {

/// The one derived word for a job. `queued`: accepted and nothing of it has run.
enum class JobWord : std::uint8_t {
  prepared,
  queued,
  running,
  waiting,
  paused,
  parked,
  compensating,
  succeeded,
  compensated,
  failed,
  cancelled,
  discarded
};
[[nodiscard]] constexpr bool is_settled(JobWord word) { return word >= JobWord::succeeded; }

inline constexpr std::int32_t priority_min = -100;
inline constexpr std::int32_t priority_max = 100;

/// Among those that are due the one with the earliest turn goes first. A point of priority is worth
/// ten seconds of waiting, so that nothing waits for ever: the highest priority passes the lowest
/// by 2000 s at most.
[[nodiscard]] constexpr TimePoint turn_of(TimePoint due, std::int32_t priority) {
  return due - priority * Duration(std::chrono::seconds(10));
}

/// The columns of a job that lists and claims look at; written when the job is accepted, when it
/// is set aside to wait, and when it settles — not for each step.
struct JobHead {
  JobWord word = JobWord::queued;
  std::optional<TimePoint>
      due{};            // claimable from then on; absent: only something from outside helps
  Duration wait{};      // due is the end of a wait of this length, which never lasts longer, and
                        // nothing has been recorded since (T1); zero: due stands by the wall clock
  std::string needs{};  // a step type no plugin offers; the job is due once one does (J8)
  bool attention = false;
  std::optional<TimePoint> settled_at{};  // exactly when the word is a settled one; then no due
  std::int32_t priority = 0;
  std::vector<std::string> also_needs{};  // further such types, in order; absent in lists
  friend bool operator==(const JobHead&, const JobHead&) = default;
};

/// A key names at most one job of its tenant (J3).
struct SubmitKey {
  std::string key{};
  ContentHash content{};
  // Take the key over from a job of the same content that settled without success.
  bool rerun_unsuccessful = false;
  friend bool operator==(const SubmitKey&, const SubmitKey&) = default;
};

struct NewJob {
  JobId id{};
  std::string tenant{};
  std::string name{};
  std::optional<SubmitKey> key{};
  JobHead head{};
  TimePoint at{};            // of the first journal row
  std::string definition{};  // encoded JobDefinition
  std::string first_row{};   // encoded entries of journal row 1
  bool claimed = false;      // the host goes on with it at once
  std::optional<ParentLink> parent{};
  std::optional<Derivation> derivation{};
};

/// A checkpoint (`key` empty) or a memo: rows outside the fold.
struct StepBlob {
  enum class Kind : std::uint8_t { checkpoint, memo };
  Kind kind = Kind::checkpoint;
  StepIndex step = 0;
  Phase phase = Phase::execute;
  std::string key{};
  std::string bytes{};
  friend bool operator==(const StepBlob&, const StepBlob&) = default;
};

/// A step's wait for an event, as the store pairs it with one: the oldest wait on a key gets the
/// event, the oldest event kept for a key goes to the wait (W2). A step has at most one.
struct EventWait {
  StepIndex step = 0;
  std::uint64_t call = 0;  // that asked for it
  std::string key{};
  friend bool operator==(const EventWait&, const EventWait&) = default;
};

/// An event on its way to the store. The id is unique within the tenant for the event's retention.
struct SentEvent {
  std::string tenant{};
  std::string id{};
  std::string key{};
  std::optional<JobId> job{};  // only a wait of this job may take it
  JsonText data{};
  TimePoint at{};
};

/// An event that has been given to a wait of a job and does not stand in its journal yet.
struct GivenEvent {
  StepIndex step = 0;
  std::uint64_t call = 0;  // that asked for the wait
  TakenEvent event{};
  friend bool operator==(const GivenEvent&, const GivenEvent&) = default;
};

/// A wait of this job has been given an event, be it a new one or a kept one. Until a change
/// records it, it comes with the job whenever that is loaded, and the job is due.
struct EventGiven {
  JobId job{};
  GivenEvent given{};
  friend bool operator==(const EventGiven&, const EventGiven&) = default;
};

/// How a job ended, for the job that started it.
struct ChildOutcome {
  JobWord word = JobWord::succeeded;
  JsonText output{};
  Error error{};
  friend bool operator==(const ChildOutcome&, const ChildOutcome&) = default;
};

/// What the host wants to hear of a step's children from here on: that all have settled, or that
/// more than so many have.
struct ChildGate {
  StepIndex step = 0;
  std::optional<std::uint32_t> beyond{};
  friend bool operator==(const ChildGate&, const ChildGate&) = default;
};

/// The children of a step have come as far as its parent wanted to hear of. Until a change of the
/// parent says that it wants to hear of something else, they come with the job whenever that is
/// loaded, and the job is due.
struct ChildNews {
  JobId job{};
  ChildCounts counts{};
  friend bool operator==(const ChildNews&, const ChildNews&) = default;
};

/// The children of this step are to turn back, those in this host's memory at once: the others find
/// it with their record.
struct ChildrenCancelled {
  JobId parent{};
  StepIndex step = 0;
  friend bool operator==(const ChildrenCancelled&, const ChildrenCancelled&) = default;
};

/// What one turn adds to one job.
struct Change {
  JobId job{};
  std::uint64_t row = 0;  // number of the row added; its predecessor must be the last one on
                          // record. 0: no row, blobs or removal alone
  TimePoint at{};
  std::string entries{};  // encoded; empty when row is 0
  std::optional<JobHead> head{};
  std::vector<StepBlob> blobs{};  // a checkpoint replaces, a memo is kept if already there
  std::vector<std::uint64_t> dropped_rows{};  // from the middle, never the first or last row (D6)
  std::vector<EventWait> waits{};             // that begin
  std::vector<StepIndex> ended_waits{};  // that end without an event; a conflict when the store has
                                         // given one to such a wait, for the first wake wins (W1)
  std::vector<EventNumber> recorded_events{};  // given to this job; in its journal from here on
  std::vector<EventNumber> returned_events{};  // given to a wait that is not there any more
  // One whose parent link is there already is left out. One that must not come from its origin has
  // settled at once, as failed.
  std::vector<NewJob> children{};
  std::vector<ChildGate> gates{};
  std::vector<StepIndex> cancelled_children{};  // the children of these steps are to turn back
  std::optional<ParentLink> parent{};           // who is told how the job has ended: `outcome`
  std::optional<ChildOutcome> outcome{};
  bool heeds_parent = false;  // it would turn back if its parent had: then it is due
  bool release = false;       // the host sets the job aside: claimable again when head.due says so
  bool remove = false;        // the job and all that belongs to it but its key
};

/// One row of a journal as it is kept.
struct StoredRow {
  std::uint64_t number = 0;
  TimePoint at{};
  std::string entries{};
  friend bool operator==(const StoredRow&, const StoredRow&) = default;
};

/// All the engine needs to go on with a job.
struct LoadedJob {
  JobId id{};
  std::string tenant{};
  std::string name{};
  std::string key{};
  JobHead head{};
  std::string definition{};
  std::vector<StoredRow> rows{};        // by number
  std::vector<GivenEvent> given{};      // by number
  std::vector<ChildCounts> children{};  // of the steps that have some
  bool parent_turned_back = false;
  friend bool operator==(const LoadedJob&, const LoadedJob&) = default;
};

}  // namespace stepd::engine
