#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "host/runtime/batch.hpp"
#include "storage/memory/memory_store.hpp"
#include "tests/support/course.hpp"
#include "tests/support/faulty_store.hpp"

/// Drives the engine turn by turn: what it wants kept stays on its way until the test commits it.
namespace stepd::testing {

class TurnByTurn {
 public:
  explicit TurnByTurn(std::vector<StepSketch> sketches, std::optional<Duration> deadline = {})
      : deadline_(deadline),
        sketches_(std::move(sketches)),
        catalogue_(std::make_shared<const Catalogue>(catalogue_of(sketches_))) {
    restart();
  }

  /// What was not committed is gone, and so are all calls; those that crashed are known.
  void restart(std::set<CallId> crashed = {}) {
    turns_.clear();
    events_.clear();
    epoch_ = store.acquire();
    store.shorten_waits(epoch_, now.wall, Duration::zero());
    EngineSettings settings{.epoch = epoch_, .highest_id = store.highest_id()};
    settings.crashed = std::move(crashed);
    engine_ = std::make_unique<Engine>(std::move(settings), catalogue_);
    settle();
  }

  /// Time passes on both clocks, and nobody looks.
  void skip(Duration span) { now = {now.wall + span, now.steady + span}; }

  /// Time passes on both clocks, and the engine is woken whenever it wants to be.
  void pass(Duration span) {
    const Now end{now.wall + span, now.steady + span};
    const Duration offset = end.wall.time_since_epoch() - end.steady.time_since_epoch();
    while (const auto wake = engine_->wake_at()) {
      if (*wake >= end.steady) break;
      now.steady = std::max(now.steady, *wake);
      now.wall = TimePoint(now.steady.time_since_epoch() + offset);
      settle();
    }
    now = end;
    settle();
  }

  /// Adds a journal row that nobody can read.
  void damage(JobId job) {
    const Change change{
        .job = job, .row = memory_.find(job)->rows.back().number + 1, .entries = "\xff"};
    static_cast<void>(memory_.commit(epoch_, {}, {&change, 1}));
  }

  /// Takes the job off the disk, whatever it is doing.
  void remove(JobId job) {
    const Change change{.job = job, .remove = true};
    static_cast<void>(memory_.commit(epoch_, {}, {&change, 1}));
  }

  void load_build(ModuleHash module) {
    Catalogue catalogue = *catalogue_;
    for (auto& [name, type] : catalogue.types) type.module = module;
    catalogue_ = std::make_shared<const Catalogue>(std::move(catalogue));
    turn(CatalogueChanged{catalogue_});
  }

  /// All types are loaded but these.
  void load_all_but(const std::set<std::string>& types) {
    Catalogue catalogue = catalogue_of(sketches_);
    for (const std::string& type : types) catalogue.types.erase(type);
    catalogue_ = std::make_shared<const Catalogue>(std::move(catalogue));
    turn(CatalogueChanged{catalogue_});
  }

  BlobStatus save(const CallId& call) {
    const ReplyToken token = next_token_++;
    turn(BlobOffered{call, token, StepBlob::Kind::checkpoint, "", "bytes"});
    settle();
    return std::get<BlobStatus>(replies.at(token));
  }

  /// Accepts a job of these steps; its first call is under way when this returns.
  JobId submit() {
    auto made = std::make_shared<JobDefinition>(*job_of(sketches_));
    made->deadline = deadline_;
    const std::shared_ptr<const JobDefinition> definition = std::move(made);
    const ReplyToken token = next_token_++;
    turn(Submission{token, definition, encode(*definition), {}});
    settle();
    const auto said = std::get<runtime::SubmitAnswer>(replies.at(token));
    return std::get<runtime::JobAccepted>(said).id;
  }

  /// Sends an event; the answer will be under the token.
  ReplyToken send(std::string id, std::string key) {
    const ReplyToken token = next_token_++;
    turn(EventSent{
        token,
        {.tenant = "default", .id = std::move(id), .key = std::move(key), .data = JsonText("1")},
        {}});
    return token;
  }

  /// Asks for a verb; the answer will be under the token, once there is one.
  ReplyToken ask(JobId job, Verb verb) {
    const ReplyToken token = next_token_++;
    turn(VerbRequested{token, job, std::move(verb)});
    return token;
  }

  void end_call(const CallId& call, const Outcome& outcome) { turn(CallReported{call, outcome}); }

  void turn(Event event) {
    events_.push_back(std::move(event));
    turn();
  }
  void turn() {
    Turn turn = engine_->turn(events_, now);
    events_.clear();
    if (turn.batch != 0 || !turn.requests.empty()) turns_.push_back(std::move(turn));
  }

  void commit() {
    while (!turns_.empty()) commit_first();
  }
  /// Of what is on its way, the turn that was first.
  void commit_first() {
    runtime::Batch batch;
    batch.add(std::move(turns_.front()), {});
    turns_.pop_front();
    batch.commit(store, epoch_);
    carry_out(batch.conclude(false));
  }

  /// Commits what is on its way, and the host dies before anything of it happens.
  void commit_alone() {
    for (Turn& turn : turns_) {
      runtime::Batch batch;
      batch.add(std::move(turn), {});
      batch.commit(store, epoch_);
    }
    turns_.clear();
  }

  /// Another host takes over; what was on its way reaches the store after that, and the error that
  /// it meets there is told.
  std::optional<storage::StoreError::Kind> commit_overtaken() {
    std::deque<Turn> late = std::exchange(turns_, {});
    const Epoch lost = epoch_;
    restart();
    for (Turn& turn : late) {
      runtime::Batch batch;
      batch.add(std::move(turn), {});
      try {
        batch.commit(store, lost);
      } catch (const storage::StoreError& error) {
        return error.kind;
      }
    }
    return std::nullopt;
  }

  /// Commits and takes turns until the engine has nothing more to say.
  void settle() {
    do {
      commit();
      turn();
    } while (!turns_.empty());
  }

  /// What of the reply is known: "accepted", "open", or why it was refused.
  [[nodiscard]] std::string verdict(ReplyToken token) const {
    const auto found = replies.find(token);
    if (found == replies.end()) return "open";
    const auto& verdict = std::get<Verdict>(found->second);
    const auto* refused = std::get_if<Refused>(&verdict);
    return refused ? refused->message : "accepted";
  }

  [[nodiscard]] storage::Reader& reader() { return memory_; }
  [[nodiscard]] Engine::Load load() const { return engine_->load(); }
  /// The job as its journal on disk says.
  [[nodiscard]] JobState on_disk(JobId job) { return fold(memory_.find(job).value()); }
  [[nodiscard]] std::vector<StoredRow> rows_on_disk(JobId job) { return memory_.find(job)->rows; }
  /// The engine has left it to the store until its wait is over.
  [[nodiscard]] bool is_set_aside(JobId job) {
    return memory_.find(job)->head.wait > Duration::zero();
  }
  [[nodiscard]] std::string step_on_disk(JobId job, StepIndex step) {
    return std::string(name_of(on_disk(job).steps.at(step).condition));
  }

 private:
  void carry_out(runtime::Consequences consequences) {
    for (auto& [token, reply] : consequences.replies) replies.emplace(token, std::move(reply));
    for (const BoxedCall& call : consequences.starts) started.push_back(std::move(*call));
    for (const StopCall& stop : consequences.stops) stopped.push_back(stop.call);
    for (const BatchOutcome& outcome : consequences.outcomes) engine_->settled(outcome);
    for (Event& event : consequences.events) events_.push_back(std::move(event));
    for (const StoreRequest& request : consequences.requests) serve(request);
  }

  void serve(const StoreRequest& request) {
    if (const auto* claim = std::get_if<ClaimJobs>(&request)) {
      auto claimed = store.claim(epoch_, now.wall, claim->limit);
      events_.push_back(JobsClaimed{std::move(claimed.jobs), claimed.next_due});
    } else if (const auto* load = std::get_if<LoadJob>(&request)) {
      events_.push_back(JobLoaded{load->id, store.load(epoch_, load->id)});
    } else if (const auto* shorten = std::get_if<ShortenWaits>(&request)) {
      store.shorten_waits(epoch_, now.wall, shorten->by);
      events_.push_back(WaitsShortened{});
    } else if (const auto* offer = std::get_if<OfferTypes>(&request)) {
      store.offer(epoch_, offer->types, now.wall, 100);
    }
  }

  storage::MemoryStore memory_;

 public:
  support::FaultyStore store{memory_};
  Now now{noon, SteadyPoint(1h)};
  std::vector<CallRequest> started;
  std::vector<CallId> stopped;
  std::map<ReplyToken, runtime::ReplyDesk::Delivery::second_type> replies;

 private:
  std::optional<Duration> deadline_;
  std::vector<StepSketch> sketches_;
  std::shared_ptr<const Catalogue> catalogue_;  // the engine's and its own
  Epoch epoch_{};
  std::unique_ptr<Engine> engine_;
  std::vector<Event> events_;
  std::deque<Turn> turns_;
  ReplyToken next_token_ = 1;
};

}  // namespace stepd::testing
