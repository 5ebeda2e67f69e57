#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "host/engine/active_job.hpp"
#include "host/engine/call_lanes.hpp"
#include "host/engine/call_table.hpp"
#include "host/engine/engine.hpp"
#include "host/engine/job_machine.hpp"

/// The inside of the engine; of no interest outside this room.
namespace stepd::engine {

struct OpenBatch {
  BatchId id = 0;
  std::vector<JobId> jobs;
  std::vector<CallId> reported;
};

struct Engine::State {
  State(EngineSettings settings_, std::shared_ptr<const Catalogue> catalogue_)
      : settings(std::move(settings_)),
        catalogue(std::move(catalogue_)),
        ids(settings.highest_id),
        lanes({settings.calls_max, settings.quick_calls_max, settings.quick_below}) {
    for (const auto& [name, type] : catalogue->types) types_to_offer.insert(name);
  }

  // Events ----------------------------------------------------------------------------------------
  void on(Submission& event);
  void on(VerbRequested& event);
  void on(CallReported& event);
  void on(CallOverran& event);
  void on(BlobOffered& event);
  void on(JobsClaimed& event);
  void on(JobLoaded& event);
  void on(WaitsShortened&);
  void on(CatalogueChanged& event);
  void on(ShutdownAsked&);
  void on(EventSent& event);
  void on(EventGiven& event);
  void on(ChildNews& event);
  void on(ChildrenCancelled& event);

  // What events come down to ----------------------------------------------------------------------
  void accept(Acceptance accepted);
  void submit_unclaimed(JobId id, Acceptance accepted);
  NewJob new_job(JobId id, Acceptance accepted, std::string first_row, JobHead head) const;
  static EffectAction answer_to(const Acceptance& accepted, std::size_t item);
  Decision take(ActiveJob& active, const JobEvent& event);

  /// The report is kept until its record is on disk.
  void report(ActiveJob& active, CallReported&& reported);
  void take_report(ActiveJob& active, const CallReported& reported);
  static void keep_checkpoint(ActiveJob& active, const Entry& entry, const std::string& bytes);
  void answer(ActiveJob& active, const VerbRequested& event);
  void spawn(ActiveJob& active, StepIndex step, const std::vector<Spawn>& spawns);
  [[nodiscard]] NewJob child_of(const JobState& job, StepIndex step, const Spawn& spawn);
  [[nodiscard]] NewJob undo_of_child(const JobState& job, StepIndex step, const Spawn& spawn);
  [[nodiscard]] std::optional<ChildOutcome> outcome_for_parent(const JobState& job) const;

  /// The store has more to claim than is known.
  void note_store_grew() {
    store_has_more = true;
    store_grew = store_grew || claim_pending;
  }

  /// The event goes into the journal, or back to the store when nobody waits for it here.
  void give(ActiveJob& active, GivenEvent given);
  void answer_by_new_job(const ActiveJob& origin, const VerbRequested& event);

  /// Nothing more of the job's is on its way to the disk: what was asked twice is recorded once.
  void answer_repeated(ActiveJob& active);

  /// Parks a job whose record the store refused. Calls of it that go on are asked to stop, and
  /// until they are over nothing else of the job runs (A8).
  void park_refused(ActiveJob& active);

  /// A job from the store: what it was in the middle of with another host, or before a restart, is
  /// over.
  void take_in(LoadedJob loaded);
  void set_unreadable_aside(const LoadedJob& loaded);
  void defer(JobId id, Event event);
  void load(JobId id);

  // The end of a turn -----------------------------------------------------------------------------
  void fire_timers();
  void follow_up(ActiveJob& active);
  void start_calls();
  void start_call(ActiveJob& active, StepIndex step);
  void record(ActiveJob& active);
  void record_new(ActiveJob& active, JobHead head, bool claimed);
  void record_change(ActiveJob& active, std::optional<JobHead> head, bool release);
  void add_effects(CommitEffect::On on, std::size_t item, std::vector<EffectAction> actions);
  static void add_stop(ActiveJob& active, const Entry& entry);
  JobHead head_of(const ActiveJob& active) const;

  /// Heads are not rewritten for steps, but for what an operator looks for in a list.
  static bool needs_to_be_seen(const ActiveJob& active, const JobHead& head);
  bool can_be_set_aside(const ActiveJob& active) const;
  void forget_if_settled(ActiveJob& active);
  void note_timer(ActiveJob& active);
  void note_due_in_store(std::optional<TimePoint> due);
  void ask_store();

  // Calls whose start may not be on disk
  template <typename Condition>
  void drop(JobId id, const Condition& condition) {
    for (const CallTable::Call& call : calls.of(id)) {
      if (condition(call) && !call.track.over) lanes.give_back(call.track.quick);
    }
    calls.erase_if(id, condition);
  }
  /// So many calls of the job stand on record; none, when it cannot be read or is gone.
  void settle_doubts(JobId id, std::uint64_t calls_on_record);

  // Batches ---------------------------------------------------------------------------------------
  void batch_settled(const BatchOutcome& outcome);
  void forget(JobId id);

  /// Memory ran ahead of a record that was not kept: the job is loaded anew, and reports that went
  /// into such records come again.
  void lose(JobId id, BatchId failed_batch);

  // Small questions -------------------------------------------------------------------------------
  [[nodiscard]] Rulebook rulebook() const {
    return {now.wall,
            *catalogue,
            settings.defaults,
            settings.attention_after,
            settings.crashes_max,
            settings.limits.args_bytes_max};
  }
  [[nodiscard]] bool has_call_alive(JobId id) const;
  [[nodiscard]] bool has_room() const { return jobs.size() < settings.window; }
  ActiveJob* find(JobId id) {
    const auto found = jobs.find(id.value);
    return found == jobs.end() ? nullptr : &found->second;
  }
  void touch(ActiveJob& active) {
    if (std::exchange(active.touched, true)) return;
    touched.push_back(active.state().id);
  }
  static Verdict unreadable(JobId id) {
    return Refused{Refused::Why::unreadable,
                   "the record of job " + to_text(id) +
                       " cannot be read: it is damaged, or a newer stepd wrote it; start that "
                       "stepd again, or put back a backup"};
  }
  static Verdict not_found(JobId id) {
    return Refused{Refused::Why::not_found,
                   "there is no job " + to_text(id) + " (see: stepctl job list)"};
  }

  // Settings and the outside as last told
  EngineSettings settings;
  std::shared_ptr<const Catalogue> catalogue;  // shared with the readers of step types
  Now now{};
  std::optional<Duration> clock_offset;
  bool ending = false;

  // Jobs in memory
  JobIdSource ids;
  std::unordered_map<std::int64_t, ActiveJob> jobs;
  CallTable calls;
  CallLanes lanes;
  JobTimers timers;
  std::map<JobId, std::vector<Event>> deferred;  // events for jobs that are not here just now
  std::set<JobId> loading;
  std::set<JobId> refused_records;
  std::set<JobId> outdated;    // loads on their way that may have looked before the last commit
  std::set<JobId> held;        // parked beside a call that goes on
  std::size_t shortening = 0;  // requests to shorten waits that are not carried out yet

  // The store as far as is known
  bool store_has_more = true;
  bool store_grew = false;  // since the claim now pending was asked for
  bool claim_pending = false;
  std::size_t claim_limit = 0;
  std::optional<TimePoint> store_due_at;
  SteadyPoint store_look_at{};
  std::set<std::string> types_to_offer;

  // This turn
  BatchId batch = 1;
  std::vector<JobId> touched;
  std::vector<JobId> jobs_in_batch;
  std::vector<CallId> reported_now;
  std::vector<JobId> to_forget;
  std::vector<NewJob> submits;
  std::vector<Change> changes;
  std::vector<SentEvent> events;
  std::vector<CommitEffect> effects;
  std::vector<StoreRequest> requests;
  std::deque<OpenBatch> batches;
};

}  // namespace stepd::engine
