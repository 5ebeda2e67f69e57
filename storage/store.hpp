#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "host/engine/record.hpp"

/// The port to what is kept. A store keeps and finds; it decides nothing.
namespace stepd::storage {

using engine::Change;
using engine::ChildNews;
using engine::ChildrenCancelled;
using engine::Epoch;
using engine::EventGiven;
using engine::JobId;
using engine::LoadedJob;
using engine::NewJob;
using engine::SentEvent;
using engine::TimePoint;

/// The world broke. Nothing of the operation was kept.
struct StoreError : std::runtime_error {
  enum class Kind {
    full,     // no room: the same will work once there is some
    refused,  // this content cannot be kept; other content can
    fenced,   // another host has taken over; this one changes nothing any more
    broken,   // a failed sync, say: nothing more is acknowledged in this process
    damaged   // what was stored cannot be read: likewise, and an operator must see to it
  };
  [[nodiscard]] bool is_for_good() const { return kind == Kind::broken || kind == Kind::damaged; }
  StoreError(Kind kind_, const std::string& message) : std::runtime_error(message), kind(kind_) {}
  Kind kind;
};

struct Committed {
  friend bool operator==(const Committed&, const Committed&) = default;
};
/// The key already names a job; the caller compares the contents (J3).
struct Duplicate {
  JobId id;
  engine::ContentHash content;
  friend bool operator==(const Duplicate&, const Duplicate&) = default;
};
/// The job is not there, or its journal does not end where the change expects.
struct Conflict {
  friend bool operator==(const Conflict&, const Conflict&) = default;
};
/// The job must not come from its origin as it is (J5).
struct Underivable {
  enum class Why : std::uint8_t {
    asked_before,  // `job` was made by the same request
    undone,        // `job` undoes the origin, or one that it relies on
    gone,          // `job`, the origin or one that it relies on, is not there any more
    relied_on      // `job` keeps what the origin did, which is to be undone
  };
  Why why = Why::asked_before;
  JobId job;  // undone: the last one, where failed undos were gone on with
  engine::Origin::Kind kind = engine::Origin::Kind::rerun;  // of the one asked for before
  engine::ContentHash content;                              // likewise
  bool failed = false;                                      // the undo has, and can be gone on with
  friend bool operator==(const Underivable&, const Underivable&) = default;
};
/// The job is not removed, because an unsettled one comes from it, keeps or undoes what it did, has
/// started it, or has started what it undoes (D5).
struct Referred {
  JobId by;
  friend bool operator==(const Referred&, const Referred&) = default;
};
using SubmitResult = std::variant<Committed, Duplicate, Underivable>;
using ChangeResult = std::variant<Committed, Conflict, Referred>;

/// A job that was made from another one.
struct DerivedLine {
  engine::Origin::Kind kind = engine::Origin::Kind::rerun;
  JobId job;
  friend bool operator==(const DerivedLine&, const DerivedLine&) = default;
};

/// An event as it is kept.
struct EventLine {
  engine::EventNumber number;
  std::string id;
  std::string key;
  engine::JsonText data;
  TimePoint at{};            // when it arrived
  std::optional<JobId> job;  // only a wait of this job may take it
  std::optional<JobId> given_to;
  friend bool operator==(const EventLine&, const EventLine&) = default;
};
/// It is kept, and given to the wait that was the oldest on its key, if there was one.
struct EventStored {
  std::optional<JobId> given_to;
  friend bool operator==(const EventStored&, const EventStored&) = default;
};
/// The id names an event already; the caller compares the contents.
struct EventRepeated {
  EventLine first;
  friend bool operator==(const EventRepeated&, const EventRepeated&) = default;
};
/// The job it is addressed to is not there, or will not wait for anything any more.
struct EventUndeliverable {
  bool settled = false;
  friend bool operator==(const EventUndeliverable&, const EventUndeliverable&) = default;
};
using EventResult = std::variant<EventStored, EventRepeated, EventUndeliverable>;

struct BatchResult {
  std::vector<SubmitResult> submits;  // one each, in order
  std::vector<ChangeResult> changes;
  std::vector<EventResult> events;
  std::vector<EventGiven> given;
  std::vector<ChildNews> child_news;
  std::vector<ChildrenCancelled> cancelled;
};

struct Claim {
  std::vector<LoadedJob> jobs;
  std::optional<TimePoint> next_due;  // of the jobs that were not due yet
};

/// What has outlived its retention and may go (D5).
struct Expiry {
  TimePoint succeeded_before{};
  TimePoint unsuccessful_before{};
  TimePoint events_before{};  // that nobody took, or that stand in a journal
  TimePoint keys_before{};    // keys of jobs that settled before this and are gone
};

/// How long there has been nothing to do: `moment` is too short for more than what must not pile
/// up.
enum class Lull : std::uint8_t { moment, quiet };

/// The writing side. One thread, the committer's; it owns the only writing connection.
class Store {
 public:
  virtual ~Store() = default;

  /// Takes over all jobs as the only host and fences whoever held them before.
  [[nodiscard]] virtual Epoch acquire() = 0;

  /// All or nothing, on disk (synced) when it returns. Items are applied in order: all submits,
  /// then all changes, then all events; an item that is a duplicate or conflict is left out, the
  /// rest stands. A wait and a look at the events kept for it are one, and so are an event and a
  /// look at who waits for it.
  [[nodiscard]] virtual BatchResult commit(Epoch epoch, std::span<const NewJob> submits,
                                           std::span<const Change> changes,
                                           std::span<const SentEvent> events) = 0;
  [[nodiscard]] BatchResult commit(Epoch epoch, std::span<const NewJob> submits,
                                   std::span<const Change> changes) {
    return commit(epoch, submits, changes, {});
  }

  /// Up to `limit` jobs that are due and that this host is not already at work on, those with the
  /// earliest turn (`engine::turn_of`) first. They stay claimed until a change releases, settles or
  /// removes them, or a new acquire.
  [[nodiscard]] virtual Claim claim(Epoch epoch, TimePoint now, std::size_t limit) = 0;

  /// One job, settled or not, claimed by this call when it is neither settled nor claimed yet.
  [[nodiscard]] virtual std::optional<LoadedJob> load(Epoch epoch, JobId id) = 0;

  /// Lets the waits on record (`JobHead::wait`) end earlier by so much, and none of them later than
  /// its length from now.
  virtual void shorten_waits(Epoch epoch, TimePoint now, engine::Duration by) = 0;

  /// Makes the jobs that wait for one of these step types due now; they need nothing any more. At
  /// most `limit` of them; the number that was found, so that the caller asks again.
  virtual std::size_t offer(Epoch epoch, const std::set<std::string>& types, TimePoint now,
                            std::size_t limit) = 0;

  /// Removes up to `limit` expired jobs, events or keys, or rows that large jobs have left behind,
  /// but no job that an unsettled one refers to (Referred); fewer when they are large, so that it
  /// takes no longer than an ordinary batch; the number removed. 0: nothing is left to remove.
  virtual std::size_t expire(Epoch epoch, const Expiry& expiry, std::size_t limit) = 0;

  /// Work that can wait until there is none else (checkpointing); true when there is more of it to
  /// do now. Costs nothing when nothing was committed since.
  virtual bool tidy(Lull lull) = 0;

  /// Of all jobs ever recorded, removed ones included.
  [[nodiscard]] virtual JobId highest_id() = 0;
};

struct JobFilter {
  std::string tenant;                  // empty: all
  std::vector<engine::JobWord> words;  // empty: all
  std::string name;                    // empty: all
  std::string key;                     // empty: all
  std::optional<bool> attention;
  std::optional<bool> child;  // whether a step has started it
  std::string not_made_by;    // a request id: leave out the reruns and undos it has made
};

/// A line of a list. A head that says `queued` while the journal goes on past its first row reads
/// as `running`: the head is not rewritten for every step.
struct JobLine {
  JobId id;
  std::string tenant;
  std::string name;
  std::string key;
  engine::JobHead head;
  friend bool operator==(const JobLine&, const JobLine&) = default;
};

/// A job that a step has started. Its own record may be gone; this stays as long as the parent's.
struct ChildLine {
  engine::StepIndex step = 0;
  std::string key;  // unique within the step
  JobId job;
  std::uint32_t number = 0;  // which of the step's children to settle it was, from 1; 0: it has not
  std::optional<engine::ChildOutcome> outcome;
  std::optional<engine::JobWord> word;  // in a list of children, as a JobLine's head reads
  friend bool operator==(const ChildLine&, const ChildLine&) = default;
};
/// A place in the list of a job's children.
struct ChildPlace {
  engine::StepIndex step = 0;
  std::string key;
};

struct EventFilter {
  std::string tenant;
  std::string key;         // empty: all
  bool kept_only = false;  // those that nobody has taken
};

struct Count {
  engine::JobWord word = engine::JobWord::queued;
  std::uint64_t jobs = 0;
  friend bool operator==(const Count&, const Count&) = default;
};

/// What can be told of the storage itself.
struct Facts {
  std::string backend;  // "sqlite 3.40.1"
  std::string place;
  std::uint64_t bytes = 0;
  std::uint64_t attention = 0;  // unsettled jobs flagged so
};

/// The reading side: committed data only, any thread.
class Reader {
 public:
  virtual ~Reader() = default;

  /// Newest first; those older than `before` when given.
  [[nodiscard]] virtual std::vector<JobLine> page(const JobFilter& filter,
                                                  std::optional<JobId> before,
                                                  std::size_t limit) = 0;
  [[nodiscard]] virtual std::optional<LoadedJob> find(JobId id) = 0;
  /// Rows with a number above `after`, in order.
  [[nodiscard]] virtual std::vector<engine::StoredRow> journal(JobId id, std::uint64_t after,
                                                               std::size_t limit) = 0;
  /// Checkpoints and memos of one step, all three phases, by phase, kind and key.
  [[nodiscard]] virtual std::vector<engine::StepBlob> blobs(JobId id, engine::StepIndex step) = 0;
  /// A job's children by step and key; those after `after` when given.
  [[nodiscard]] virtual std::vector<ChildLine> children(JobId parent,
                                                        const std::optional<ChildPlace>& after,
                                                        std::size_t limit) = 0;
  [[nodiscard]] virtual std::optional<ChildLine> child(JobId parent, const ChildPlace& place) = 0;
  /// A step's children that have settled, in that order; those with a number above `after`.
  [[nodiscard]] virtual std::vector<ChildLine> settled_children(JobId parent,
                                                                engine::StepIndex step,
                                                                std::uint32_t after,
                                                                std::size_t limit) = 0;
  /// Newest first; those with a number below `before` when given.
  [[nodiscard]] virtual std::vector<EventLine> events(const EventFilter& filter,
                                                      std::optional<engine::EventNumber> before,
                                                      std::size_t limit) = 0;
  /// The jobs made from this one, oldest first. Of those made before it was removed nothing is
  /// known.
  [[nodiscard]] virtual std::vector<DerivedLine> derived(JobId origin, std::size_t limit) = 0;
  /// The job that undoes this one; the last of them, where failed undos were gone on with.
  [[nodiscard]] virtual std::optional<JobId> undo_of(JobId origin) = 0;
  /// How many jobs read as each word; words of no job are left out.
  [[nodiscard]] virtual std::vector<Count> counts() = 0;
  [[nodiscard]] virtual Facts facts() = 0;
  /// The lowest id of a job that has not settled, or that one of those was made from; it tells when
  /// the job was made.
  [[nodiscard]] virtual std::optional<JobId> oldest_unsettled() = 0;
};

}  // namespace stepd::storage
