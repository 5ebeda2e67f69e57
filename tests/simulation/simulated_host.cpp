#include "tests/simulation/simulated_host.hpp"

#include <algorithm>

#include "host/engine/child.hpp"
#include "host/engine/codec.hpp"
#include "host/engine/names.hpp"
#include "host/engine/why.hpp"
#include "tests/simulation/chance_job.hpp"
#include "tests/support/faulty_store.hpp"

namespace stepd::simulation {

using namespace engine;
using namespace std::chrono_literals;

namespace {

constexpr int noisy_actions = 300;
constexpr int calm_actions_max = 20'000;
constexpr int ending_actions_max = 1'000;
constexpr std::size_t rows_max = 100'000;  // of one journal

}  // namespace

SimulatedHost::SimulatedHost(std::uint64_t seed)
    : chance_(seed),
      world_(chance_),
      now_{TimePoint(std::chrono::hours(500'000)), SteadyPoint(1h)},
      catalogue_(std::make_shared<const Catalogue>(all_types())),
      store_(std::make_unique<storage::MemoryStore>()) {
  start_up({});
}

void SimulatedHost::start_up(std::set<CallId> crashed) {
  epoch_ = store_->acquire();
  EngineSettings settings{.epoch = epoch_, .highest_id = store_->highest_id()};
  settings.window = 4;
  settings.calls_max = 3;
  settings.set_aside_after = 500ms;
  settings.crashed = std::move(crashed);
  engine_ = std::make_unique<Engine>(settings, catalogue_);
  events_.clear();
  turns_.clear();
}

void SimulatedHost::crash() {
  ++crashes_;
  const CallRequest* culprit = chance_.below(4) == 0 ? world_.any_running() : nullptr;
  std::set<CallId> crashed;
  if (culprit) crashed.insert(culprit->id);
  world_.host_dies(culprit ? std::optional(culprit->id) : std::nullopt);
  take_over(std::move(crashed));
}

void SimulatedHost::take_over(std::set<CallId> crashed) {
  // A verb nobody was answered may or may not have taken effect.
  for (const auto& [token, asked] : asked_) {
    if (asked.verb) world_.operated(asked.job, *asked.verb);
    const bool is_removed = asked.verb && asked.verb->kind == Verb::Kind::remove;
    if (is_removed && world_.promised().contains(asked.job) && !store_->find(asked.job)) {
      take_removed(asked.job);
    }
  }
  asked_.clear();
  saved_.host_dies();
  engine_.reset();
  store_ = std::make_unique<storage::MemoryStore>(store_->snapshot());
  start_up(std::move(crashed));
}

/// No call is under way any more when the next host takes over.
void SimulatedHost::end_in_order() {
  const std::size_t crashes = crashes_;
  events_.push_back(ShutdownAsked{});
  for (int action = 0; action < ending_actions_max; ++action) {
    turn();
    while (!turns_.empty() && crashes_ == crashes) commit_one();
    if (crashes_ != crashes) return;
    if (auto report = world_.end_one()) {
      events_.push_back(std::move(*report));
    } else if (events_.empty() && engine_->idle()) {
      ++world_.seen["orderly ends"];
      return take_over({});
    }
  }
  throw Broken("A8: the host does not come to its end");
}

void SimulatedHost::run() {
  for (int action = 0; action < noisy_actions; ++action) act();
  judge_all();
  judge_events();
  judge_whys();
  world_.calm = true;
  show(std::make_shared<const Catalogue>(all_types()));
  for (int action = 0; action < calm_actions_max; ++action) {
    if (all_settled()) {
      judge_events();
      judge_what_is_kept();
      return;
    }
    act_calmly();
  }
  throw Broken("W1: a promised job never settles; " + open_jobs());
}

/// What the jobs that have not settled wait for, by the record.
std::string SimulatedHost::open_jobs() {
  std::string told;
  for (const JobId id : world_.promised()) {
    const auto loaded = store_->find(id);
    const JobState job = fold(*loaded);
    if (job.settled) continue;
    told += "job " + to_text(id) + " (given " + std::to_string(loaded->given.size()) + ", due " +
            (loaded->head.due ? "set" : "none") + "):";
    for (const Reason& reason : why(job, *catalogue_)) told += " " + reason.message + ";";
  }
  return told;
}

void SimulatedHost::push_clock(Duration by) {
  now_.wall += by;
  now_.steady += by;
}

void SimulatedHost::turn() {
  for (Event& event : events_) {
    auto* reported = std::get_if<CallReported>(&event);
    if (!reported) continue;
    if (reported->outcome.wait && reported->outcome.wait->due) {
      reported->outcome.wait->due->at = now_.wall + 50ms;
    }
    const bool is_repeated = !reported_.insert(reported->call).second;
    if (is_repeated) continue;
    spawn_by_chance(*reported);
    if (!world_.calm && chance_.below(4) == 0) {
      reported->outcome.checkpoint = std::to_string(1'000'000 + next_token_++);
      saved_.leaves(reported->call, *reported->outcome.checkpoint);
    }
  }
  Turn turn = engine_->turn(events_, now_);
  events_.clear();
  if (turn.batch != 0 || !turn.requests.empty()) turns_.push_back(std::move(turn));
}

/// Between any two commits the host may die, before or after; the store may refuse a job's record.
void SimulatedHost::commit_one() {
  if (turns_.empty()) return;
  runtime::Batch batch;
  const std::size_t together = world_.calm ? turns_.size() : 1 + chance_.below(turns_.size());
  for (std::size_t part = 0; part < together; ++part) {
    batch.add(std::move(turns_.front()), {});
    turns_.pop_front();
  }
  const bool disk_is_full = !world_.calm && chance_.below(12) == 0;
  if (disk_is_full) batch.give_up_submits("the disk is full");
  support::FaultyStore store(*store_);
  if (!world_.calm && chance_.below(40) == 0) {
    if (const auto job = any_job()) store.refuse(*job);
  }
  batch.commit(store, epoch_);
  judge_all();
  if (!world_.calm && chance_.below(25) == 0) return crash();
  carry_out(batch.conclude(false));
}

void SimulatedHost::carry_out(runtime::Consequences consequences) {
  for (const auto& delivery : consequences.replies) take_reply(delivery);
  for (const BoxedCall& request : consequences.starts) begin(*request);
  for (const StopCall& stop : consequences.stops) world_.stops(stop);
  for (const BatchOutcome& outcome : consequences.outcomes) {
    if (outcome.refused) ++world_.seen["records refused"];
    engine_->settled(outcome);
  }
  for (Event& event : consequences.events) events_.push_back(std::move(event));
  for (const StoreRequest& request : consequences.requests) serve(request);
}

void SimulatedHost::begin(const CallRequest& request) {
  judge_children_of(request);
  world_.starts(request, record_of(request.id.job));
  if (const auto with = world_.take_gone_on_with(request.id.job)) {
    saved_.goes_on(request.id.job, *with);
  }
  saved_.judge_start(request, *store_);
  judge_arguments(request);
}

/// The same for every call, its compensation and its undo; what a reference yields is on disk (J7).
void SimulatedHost::judge_arguments(const CallRequest& request) {
  const JobId owner = request.executed_in.value_or(request.id.job);
  const std::string args(request.args.view());
  const std::string call =
      "a call of step " + request.step + " of job " + to_text(request.id.job) + " is given " + args;
  const auto [known, is_first] = arguments_.try_emplace({owner, request.step_index}, args);
  if (known->second != args) throw Broken("J7: " + call + ", and one before it " + known->second);
  if (!is_first || request.phase != Phase::execute) return;
  const Record& record = *record_of(request.id.job);
  const StepDefinition& step = record.definition.steps[request.step_index];
  if (!step.args_have_references) return;
  ++world_.seen["references"];
  const auto& outputs = seen_.at(request.id.job).outputs;
  const std::string expected = args_by_hand(std::string(step.args.view()), outputs);
  if (args != expected) throw Broken("J7: " + call + ", which should be " + expected);
}

void SimulatedHost::serve(const StoreRequest& request) {
  if (const auto* claim = std::get_if<ClaimJobs>(&request)) {
    auto claimed = store_->claim(epoch_, now_.wall, claim->limit);
    events_.push_back(JobsClaimed{std::move(claimed.jobs), claimed.next_due});
  } else if (const auto* load = std::get_if<LoadJob>(&request)) {
    events_.push_back(JobLoaded{load->id, store_->load(epoch_, load->id)});
  } else if (const auto* shorten = std::get_if<ShortenWaits>(&request)) {
    store_->shorten_waits(epoch_, now_.wall, shorten->by);
    events_.push_back(WaitsShortened{});
  } else if (const auto* offer = std::get_if<OfferTypes>(&request)) {
    while (store_->offer(epoch_, offer->types, now_.wall, 10) != 0) {
    }
  }
}

void SimulatedHost::take_reply(const runtime::ReplyDesk::Delivery& delivery) {
  const auto asked = asked_.find(delivery.first);
  if (asked == asked_.end()) throw Broken("J2: an answer nobody asked for");
  if (const auto* answer = std::get_if<runtime::SubmitAnswer>(&delivery.second)) {
    take_submitted(asked->second, *answer);
  } else if (const auto* verdict = std::get_if<Verdict>(&delivery.second)) {
    if (const auto* accepted = std::get_if<Accepted>(verdict)) {
      take_accepted(asked->second, accepted->job);
    }
  }
  const auto* answer = std::get_if<runtime::EventAnswer>(&delivery.second);
  if (const auto* status = std::get_if<BlobStatus>(&delivery.second)) {
    saved_.answered(delivery.first, *status, *store_, world_.seen);
  }
  if (answer && std::holds_alternative<runtime::EventAccepted>(*answer)) {
    world_.took_in_event(asked->second.event);
  }
  asked_.erase(asked);
}

/// A key outlives its job: that one may be gone before anybody has heard of it.
void SimulatedHost::take_submitted(const Asked& asked, const runtime::SubmitAnswer& answer) {
  std::optional<JobId> job;
  if (const auto* accepted = std::get_if<runtime::JobAccepted>(&answer)) job = accepted->id;
  const auto* exists = std::get_if<runtime::JobExists>(&answer);
  if (exists) job = exists->id;
  if (!job) return;
  if (record_of(*job)) {
    world_.accepted(*job, asked.key);
  } else if (!exists || *job > store_->highest_id()) {
    throw Broken("J2: a submit is acknowledged and not on disk");
  }
}

void SimulatedHost::take_accepted(const Asked& asked, JobId made) {
  ++world_.seen[name_of(asked.verb->kind)];
  world_.operated(asked.job, *asked.verb);
  if (asked.verb->kind == Verb::Kind::remove) take_removed(asked.job);
  if (asked.verb->kind != Verb::Kind::rerun && asked.verb->kind != Verb::Kind::undo) return;
  if (!record_of(made)) throw Broken("O1: a new job is acknowledged and not on disk");
  world_.derived(asked.job, *asked.verb, made);
}

const Record* SimulatedHost::record_of(JobId job) {
  const auto [entry, is_new] = seen_.try_emplace(job);
  Seen& seen = entry->second;
  if (is_new) {
    const auto loaded = store_->find(job);
    if (!loaded) {
      seen_.erase(entry);
      return nullptr;
    }
    seen.record = Record::read(*loaded);
    for (const StoredRow& row : loaded->rows) note_outputs(seen, decode_entries(row.entries));
    seen.row = loaded->rows.back().number;
    return &seen.record;
  }
  for (const StoredRow& row : store_->journal(job, seen.row, rows_max)) {
    const std::vector<Entry> entries = decode_entries(row.entries);
    seen.record.add_row(entries);
    seen.row = row.number;
    note_outputs(seen, entries);
    judge_undos(job, entries);
    judge_checkpoints(job, seen.record, entries);
  }
  return &seen.record;
}

void SimulatedHost::note_outputs(Seen& seen, const std::vector<Entry>& row) {
  for (const Entry& entry : row) {
    if (const auto* ended = std::get_if<CallEnded>(&entry)) {
      const auto started = seen.record.calls_started.find(ended->call);
      const bool undoes =
          started != seen.record.calls_started.end() && started->second.phase == Phase::compensate;
      const bool tells = ended->outcome == OutcomeKind::succeeded && !undoes;
      if (tells) seen.outputs[ended->step] = ended->output.view();
    } else if (const auto* moved = std::get_if<StepMoved>(&entry)) {
      if (!moved->output.empty()) seen.outputs[moved->step] = moved->output.view();
    }
  }
}

void SimulatedHost::judge_checkpoints(JobId job, const Record& record,
                                      const std::vector<Entry>& row) {
  const CallEnded* ended = nullptr;
  for (const Entry& entry : row) {
    if (const auto* over = std::get_if<CallEnded>(&entry)) ended = over;
    const auto* moved = std::get_if<StepMoved>(&entry);
    if (!moved || !ended || moved->step != ended->step) continue;
    const bool goes_on = std::holds_alternative<Suspended>(moved->to) ||
                         std::holds_alternative<Succeeded>(moved->to);
    const bool is_said = goes_on && (ended->outcome == OutcomeKind::suspended ||
                                     ended->outcome == OutcomeKind::succeeded);
    if (!is_said) continue;
    saved_.went_on({job, ended->call}, ended->step, record.calls_started.at(ended->call).phase,
                   *store_);
  }
}

void SimulatedHost::judge(JobId job) {
  const Record* record = record_of(job);
  if (!record) throw Broken("J2: job " + to_text(job) + " was acknowledged and is gone");
  Seen& seen = seen_.at(job);
  if (seen.judged == seen.row) return;
  seen.judged = seen.row;
  world_.judge(job, *record);
  if (record->definition.parent) return;
  for (const storage::ChildLine& child : store_->children(job, {}, 100)) {
    // One that another forestalled never was: the store has told its parent so.
    const bool is_none = child.outcome && child.outcome->error.code == "not_made";
    if (is_none) ++world_.seen["undos forestalled"];
    if (!is_none) world_.started(child.job);
    if (record->settled && !child.outcome)
      throw Broken("W3: job " + to_text(job) + " settled before its own");
  }
}

void SimulatedHost::judge_all() {
  settled_ = 0;
  for (const JobId job : world_.promised()) {
    judge(job);
    if (seen_.at(job).record.settled) ++settled_;
  }
}

/// A step is not compensated before its own jobs have settled.
void SimulatedHost::judge_children_of(const CallRequest& request) {
  if (request.phase != Phase::compensate) return;
  for (const storage::ChildLine& child : store_->children(request.id.job, {}, 100)) {
    if (child.step != request.step_index || child.outcome) continue;
    if (is_name_of_undo(child.key)) continue;
    throw Broken("W3: step " + request.step + " of job " + to_text(request.id.job) +
                 " is compensated before job " + to_text(child.job) + " has settled");
  }
}

/// Whatever a job that has not settled waits for can be told.
void SimulatedHost::judge_whys() {
  for (const JobId job : world_.promised()) {
    const auto loaded = store_->find(job);
    const JobState state = fold(*loaded);
    if (state.settled || !why(state, *catalogue_).empty()) continue;
    throw Broken("O2: nobody knows what job " + to_text(job) + " waits for");
  }
}

void SimulatedHost::judge_events() {
  world_.judge_events(store_->events({.tenant = "default"}, {}, 100'000));
}

/// Rows that were dropped (D6) change nothing of what the record says at the end.
void SimulatedHost::judge_what_is_kept() {
  saved_.judge(*store_);
  for (const JobId job : world_.promised()) {
    const auto kept = store_->find(job);
    const Record again = kept ? Record::read(*kept) : Record{};
    const Record& record = seen_.at(job).record;
    const bool same = again.settled == record.settled && again.succeeded == record.succeeded &&
                      again.compensated == record.compensated && again.left == record.left &&
                      again.taken_events == record.taken_events;
    if (!same) throw Broken("D6: job " + to_text(job) + " reads otherwise than it was recorded");
  }
}

bool SimulatedHost::all_settled() { return settled_ == world_.promised().size() && turns_.empty(); }

}  // namespace stepd::simulation
