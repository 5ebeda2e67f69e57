#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "host/engine/catalogue.hpp"
#include "host/engine/definition.hpp"
#include "host/engine/id.hpp"
#include "host/engine/outcome.hpp"
#include "host/engine/record.hpp"
#include "host/engine/step_state.hpp"
#include "host/engine/time.hpp"

/// The engine as one passive object: events in, records and effects out. It knows no clock, thread,
/// file or lock; the daemon, the simulation and the crash enumeration drive it alike.
namespace stepd::engine {

/// Names who waits for an answer; the driver's, opaque here.
using ReplyToken = std::uint64_t;

// Events ------------------------------------------------------------------------------------------

struct Submission {
  ReplyToken reply{};
  std::shared_ptr<const JobDefinition> definition{};  // validated, types completed where known;
                                                      // owned by the event, then by the job's state
  std::string encoded{};                              // the same, by encode()
  std::optional<SubmitKey> key{};
};

/// What an operator asks for (O1).
struct Verb {
  enum class Kind : std::uint8_t {
    cancel,
    retry,
    abandon,
    skip,
    resolve,
    pause,
    resume,
    remove,
    rerun,
    undo,
    priority
  };
  Kind kind = Kind::cancel;
  std::string step{};  // abandon, skip, resolve; retry: empty means every step that waits or is
                       // parked; rerun: the first to run again, empty means all of the job
  std::string reason{};
  std::string request_id{};
  std::string actor{};
  JsonText output{};  // skip, resolve as done
  enum class Truth : std::uint8_t { done, none, undone };
  Truth truth = Truth::done;  // resolve
  std::int32_t priority = 0;  // priority: priority_min to priority_max
  ContentHash content{};      // under one request id nothing else is asked
};
struct VerbRequested {
  ReplyToken reply{};
  JobId job{};
  Verb verb{};
};

struct CallReported {
  CallId call{};
  Outcome outcome{};
  Duration took{};
};
/// The call lasted longer than its time-out, or was silent for longer than its heartbeat time-out.
struct CallOverran {
  CallId call{};
  bool silent = false;
};
/// A call wants something on disk before it goes on: a checkpoint or a memo of its step.
struct BlobOffered {
  CallId call{};
  ReplyToken reply{};
  StepBlob::Kind kind = StepBlob::Kind::checkpoint;
  std::string key{};
  std::string bytes{};
};

/// An event is to be recorded, and given to whoever waits for it (W2).
struct EventSent {
  ReplyToken reply{};
  SentEvent event{};
  std::optional<CallId> by{};  // a step's call; fenced once that is over
};

/// Answers to ClaimJobs and LoadJob.
struct JobsClaimed {
  std::vector<LoadedJob> jobs{};
  std::optional<TimePoint> next_due{};
};
struct JobLoaded {
  JobId id{};
  std::optional<LoadedJob> job{};  // absent: there is none
};

/// Answer to ShortenWaits.
struct WaitsShortened {};

struct CatalogueChanged {
  std::shared_ptr<const Catalogue>
      catalogue{};  // shared with the readers of step types; never changes
};

/// Orderly end: nothing new starts, running calls are asked to stop, uncharged.
struct ShutdownAsked {};

using Event = std::variant<Submission, VerbRequested, CallReported, CallOverran, BlobOffered,
                           JobsClaimed, JobLoaded, WaitsShortened, CatalogueChanged, ShutdownAsked,
                           EventSent, EventGiven, ChildNews, ChildrenCancelled>;

// Effects -----------------------------------------------------------------------------------------

/// All a call needs, as values.
struct EarlierOutput {
  std::string step{};
  JsonText output{};
};
struct CallRequest {
  CallId id{};
  Epoch epoch{};
  std::string tenant{};
  std::string job_name{};
  std::string step{};
  StepIndex step_index = 0;
  std::string type{};
  std::uint32_t version = 1;  // as recorded when the job was accepted
  ModuleHash module{};        // the build that is to run it
  Phase phase = Phase::execute;
  std::uint32_t attempt = 1;
  std::uint32_t attempts_max = 0;
  bool outcome_unknown = false;
  std::optional<TimePoint> deadline{};
  Duration timeout{};  // zero: none; likewise below
  Duration heartbeat{};
  JsonText args{};
  JsonText own_output{};  // probe and compensate, when known
  std::vector<EarlierOutput> earlier_outputs{};
  std::vector<EndedWait> ended_waits{};  // of this phase, in the order in which they ended
  bool has_children = false;             // the step has started jobs
  bool children_open = false;            // which have not all settled
  bool has_blobs = false;                // a checkpoint or memo may be on record
  bool quick = false;                    // its type is measured to take next to no time
  SteadyPoint ready_since{};             // of this host's clock: not for another process
  // The job whose execute this call is to undo or to ask about, when it is another one (J5).
  std::optional<JobId> executed_in{};
};

/// `<job id>/<step>/<phase>`, one word without blanks: the same for every call of one phase of one
/// step (A6).
[[nodiscard]] std::string idempotency_key(JobId job, std::string_view step, Phase phase);

/// Boxed, because it is handed on from vector to vector; owned by whoever holds it.
using BoxedCall = std::unique_ptr<CallRequest>;

struct StartCall {
  BoxedCall request{};
};
struct StopCall {
  CallId call{};
  StopCause cause = StopCause::timed_out;
};
/// Answers a submit with what the store said of `Turn::submits[submit]`.
struct AnswerSubmit {
  ReplyToken reply{};
  std::size_t submit = 0;
};
struct Accepted {
  JobId job{};  // the new one, of a rerun or an undo
  friend bool operator==(const Accepted&, const Accepted&) = default;
};
/// The verb was not carried out; the message names thing, fact and remedy.
struct Refused {
  enum class Why : std::uint8_t {
    not_found,
    wrong_state,
    invalid,
    request_taken,  // the request id stands for something else
    not_stored,     // nothing is recorded: there is no room now, or the file is damaged
    ending,         // nothing is recorded: the host takes in nothing any more
    unsure,         // it may be recorded or not: the same request id asked again tells
    unreadable      // the job's record is damaged, or a newer host's
  };
  Why why = Why::wrong_state;
  std::string message{};
  friend bool operator==(const Refused&, const Refused&) = default;
};
using Verdict = std::variant<Accepted, Refused>;
struct AnswerVerb {
  ReplyToken reply{};
  Verdict verdict{};
};
enum class BlobStatus : std::uint8_t { stored, fenced };
struct AnswerBlob {
  CallId call{};
  ReplyToken reply{};
  BlobStatus status = BlobStatus::stored;
};
/// Answers the sender of `Turn::events[event]` with what the store said of it, or with fenced.
struct AnswerEvent {
  ReplyToken reply{};
  std::optional<std::size_t> event{};  // absent: the sending call is over, nothing was recorded
};

/// Answers a rerun or an undo with what the store said of `Turn::submits[submit]`.
struct AnswerDerived {
  ReplyToken reply{};
  std::size_t submit = 0;
};

using EffectAction = std::variant<StartCall, StopCall, AnswerSubmit, AnswerVerb, AnswerBlob,
                                  AnswerEvent, AnswerDerived>;

/// An effect, and the record it must not precede.
struct CommitEffect {
  enum class On : std::uint8_t { nothing, submit, change };
  On on = On::nothing;
  std::size_t item = 0;  // in Turn::submits or Turn::changes; the effect is dropped if that item is
                         // not committed (answers to submits, events and what makes jobs are
                         // always carried out)
  EffectAction action{};
};

struct ClaimJobs {
  std::size_t limit = 0;
};
struct LoadJob {
  JobId id{};
};
/// Make the jobs that wait for these types due.
struct OfferTypes {
  std::set<std::string> types{};
};
/// The wall clock was set back: waits that are on record end by as much earlier. Until that is done
/// no further wait is left to the store, whose due time would go by the clock as it is now.
struct ShortenWaits {
  Duration by{};
};
using StoreRequest = std::variant<ClaimJobs, LoadJob, OfferTypes, ShortenWaits>;

using BatchId = std::uint64_t;

/// What one turn wants done: first the records in one batch, then the effects. Store requests need
/// no record and are answered by events.
/// The requests are carried out after the batch of this turn and of all turns before it.
struct Turn {
  BatchId batch = 0;  // 0: there is nothing to record and no effect
  std::vector<NewJob> submits{};
  std::vector<Change> changes{};
  std::vector<SentEvent> events{};  // recorded after the changes
  std::vector<CommitEffect> effects{};
  std::vector<StoreRequest> requests{};
};

/// What became of a batch: the jobs whose items were not committed (duplicates apart).
struct BatchOutcome {
  BatchId batch = 0;
  std::vector<JobId> not_committed{};  // conflicts and duplicates
  std::optional<JobId> refused{};  // the job whose record the store will not take (D1): it parks
};

struct EngineSettings {
  Epoch epoch{};
  JobId highest_id{};
  std::size_t window = 1024;   // jobs in memory at most
  std::size_t calls_max = 64;  // calls under way at most, quick ones apart
  std::size_t quick_calls_max = 1024;
  Duration set_aside_after = std::chrono::seconds(5);  // a job idle for longer leaves memory
  std::uint32_t attention_after = 10;                  // attempts of a compensation (C5)
  std::uint32_t crashes_max = 3;                       // in a row on one build (A7)
  Duration quick_below = std::chrono::microseconds(100);
  Limits limits{};
  PolicyDefaults defaults;
  // Calls that are proven to have crashed the host before this one (A7).
  std::set<CallId> crashed{};
};

class Engine {
 public:
  Engine(EngineSettings settings, std::shared_ptr<const Catalogue> catalogue);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Takes in what happened and whatever is due. One thread at a time, as all of the engine.
  [[nodiscard]] Turn turn(std::span<Event> events, Now now);

  /// A batch is on disk, or is not; in the order of the batches.
  void settled(const BatchOutcome& outcome);

  /// When it wants to be asked again though nothing has happened. Wall-clock times are turned into
  /// steady ones as of the last turn.
  [[nodiscard]] std::optional<SteadyPoint> wake_at() const;

  /// No call is under way and every batch has been settled.
  [[nodiscard]] bool idle() const;

  struct Load {
    std::size_t jobs = 0;
    std::size_t calls = 0;
  };
  [[nodiscard]] Load load() const;

  /// Of the jobs in memory, by step type; looks at every one of them.
  struct StepsNow {
    std::size_t ready = 0;
    std::size_t in_calls = 0;
    friend bool operator==(const StepsNow&, const StepsNow&) = default;
  };
  [[nodiscard]] std::map<std::string, StepsNow, std::less<>> steps_now() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stepd::engine
