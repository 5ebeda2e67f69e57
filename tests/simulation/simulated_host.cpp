#include "tests/simulation/simulated_host.hpp"

#include "host/engine/codec.hpp"
#include "host/engine/validate.hpp"
#include "host/engine/why.hpp"

namespace stepd::simulation {

using namespace engine;
using namespace std::chrono_literals;

namespace {

constexpr int noisy_actions = 250;
constexpr int calm_actions_max = 20'000;
constexpr std::size_t jobs_max = 6;
constexpr std::size_t rows_max = 100'000;      // of one journal
constexpr std::size_t jobs_promised_max = 10;  // those made from others included

const std::vector<std::string> types{"sim.plain", "sim.saga", "sim.stubborn"};

std::shared_ptr<const Catalogue> make_catalogue() {
  Catalogue catalogue;
  for (const std::string& name : types) {
    StepType type{.name = name, .plugin = "sim 1", .module = {7}};
    if (name != "sim.plain") type.kind = StepKind::saga;
    type.retry = {.attempts_max = name == "sim.plain" ? 0 : 3, .initial = 1s, .jitter = 0.1};
    catalogue.types.emplace(name, type);
  }
  return std::make_shared<const Catalogue>(std::move(catalogue));
}

}  // namespace

SimulatedHost::SimulatedHost(std::uint64_t seed)
    : chance_(seed),
      world_(chance_),
      now_{TimePoint(std::chrono::hours(500'000)), SteadyPoint(1h)},
      catalogue_(make_catalogue()),
      store_(std::make_unique<storage::MemoryStore>()) {
  start_up();
}

void SimulatedHost::start_up() {
  epoch_ = store_->acquire();
  EngineSettings settings{.epoch = epoch_, .highest_id = store_->highest_id()};
  settings.window = 4;
  settings.calls_max = 3;
  settings.set_aside_after = 500ms;
  engine_ = std::make_unique<Engine>(settings, catalogue_);
  events_.clear();
  turns_.clear();
}

void SimulatedHost::crash() {
  ++crashes_;
  world_.host_dies();
  // A verb nobody was answered may or may not have taken effect.
  for (const auto& [token, asked] : asked_) {
    if (asked.verb) world_.operated(asked.job, asked.verb->kind);
  }
  asked_.clear();
  engine_.reset();
  store_ = std::make_unique<storage::MemoryStore>(store_->snapshot());
  start_up();
}

void SimulatedHost::run() {
  for (int action = 0; action < noisy_actions; ++action) act();
  judge_all();
  judge_events();
  world_.calm = true;
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

void SimulatedHost::act() {
  switch (chance_.below(17)) {
    case 16:
      return send_event("e" + std::to_string(chance_.below(12)));
    case 0:
      return submit();
    case 1:
      return operate();
    case 2:
      if (chance_.below(4) == 0) crash();
      return;
    case 3:
      return push_clock(std::chrono::milliseconds(chance_.below(3000)));
    case 4:
      // The wall clock jumps; the steady one does not.
      now_.wall += std::chrono::seconds(chance_.below(20)) - 10s;
      return;
    case 5:
      if (const auto call = world_.any_running()) {
        world_.overran(*call);
        events_.push_back(CallOverran{*call, chance_.coin()});
      }
      return;
    case 6:
      if (auto report = world_.late_report()) events_.push_back(std::move(*report));
      return;
    case 7:
    case 8:
    case 9:
      return commit_one();
    case 10:
    case 11:
    case 12:
      if (auto report = world_.end_one()) events_.push_back(std::move(*report));
      return;
    default:
      return turn();
  }
}

void SimulatedHost::act_calmly() {
  if (auto report = world_.end_one()) events_.push_back(std::move(*report));
  turn();
  while (!turns_.empty()) commit_one();
  push_clock(200ms);
  if (chance_.below(4) == 0) ask_operator();
  if (chance_.below(4) == 0) send_event("calm-" + std::to_string(next_token_));
}

/// One that is waited for by chance, and sent again by chance.
void SimulatedHost::send_event(std::string id) {
  SentEvent event{.tenant = "default",
                  .id = std::move(id),
                  .key = World::event_keys.at(chance_.below(World::event_keys.size())),
                  .data = JsonText("1")};
  asked_[next_token_] = {.event = event.id};
  events_.push_back(EventSent{next_token_++, std::move(event), {}});
}

void SimulatedHost::submit() {
  if (submitted_ >= jobs_max) return;
  JobDefinition definition = job_by_chance(4);
  if (chance_.below(5) == 0) definition.deadline = 30s;
  const std::string key = chance_.coin() ? "k" + std::to_string(chance_.below(4)) : "";
  definition.key = key;
  std::optional<SubmitKey> submit_key;
  if (!key.empty()) submit_key = SubmitKey{key, {std::string(32, 'c')}, false};
  ++submitted_;
  asked_[next_token_] = {.key = key};
  std::string encoded = encode(definition);
  events_.push_back(Submission{next_token_++,
                               std::make_shared<const JobDefinition>(std::move(definition)),
                               std::move(encoded), std::move(submit_key)});
}

JobDefinition SimulatedHost::job_by_chance(std::size_t steps_max) {
  JobDefinition definition{.name = "job", .args = JsonText("{}")};
  const std::size_t steps = 1 + chance_.below(steps_max);
  for (StepIndex index = 0; index < steps; ++index) {
    StepDefinition step{.id = "s" + std::to_string(index),
                        .type = types[chance_.below(types.size())],
                        .args = JsonText("{}")};
    if (index > 0) step.after = {index - 1};
    step.snapshot = snapshot_of(*catalogue_->find(step.type), step, {});
    definition.steps.push_back(std::move(step));
  }
  return definition;
}

/// Jobs that others have started start none.
void SimulatedHost::spawn_by_chance(CallReported& reported) {
  const bool goes_on = reported.outcome.kind == OutcomeKind::succeeded ||
                       reported.outcome.kind == OutcomeKind::suspended;
  if (!goes_on || world_.calm || chance_.below(6) != 0) return;
  const auto record = record_of(reported.call.job);
  if (!record || record->definition.parent) return;
  const std::size_t jobs = 1 + chance_.below(2);
  for (std::size_t job = 0; job < jobs; ++job) {
    reported.outcome.spawns.push_back({"c" + std::to_string(chance_.below(2)),
                                       std::make_shared<const JobDefinition>(job_by_chance(2))});
  }
}

void SimulatedHost::operate() {
  if (world_.promised().empty()) return;
  auto job = world_.promised().begin();
  std::advance(job, static_cast<std::ptrdiff_t>(chance_.below(world_.promised().size())));
  constexpr Verb::Kind kinds[] = {Verb::Kind::cancel, Verb::Kind::retry, Verb::Kind::abandon,
                                  Verb::Kind::retry,  Verb::Kind::retry, Verb::Kind::priority,
                                  Verb::Kind::rerun,  Verb::Kind::rerun, Verb::Kind::undo};
  Verb verb{.kind = kinds[chance_.below(std::size(kinds))],
            .reason = "by chance",
            .request_id = "r" + std::to_string(chance_.below(40))};
  if (verb.kind == Verb::Kind::abandon) verb.step = "s" + std::to_string(chance_.below(3));
  if (verb.kind == Verb::Kind::priority) verb.priority = static_cast<int>(chance_.below(5)) - 2;
  if (verb.kind == Verb::Kind::rerun || verb.kind == Verb::Kind::undo) {
    if (world_.promised().size() >= jobs_promised_max) return;
    verb.request_id = "r" + std::to_string(chance_.below(3));
    if (verb.kind == Verb::Kind::rerun && chance_.coin()) verb.step = "s1";
  }
  asked_[next_token_] = {.job = *job, .verb = verb};
  events_.push_back(VerbRequested{next_token_++, *job, std::move(verb)});
}

/// Parked steps need a person, who tries them again.
void SimulatedHost::ask_operator() {
  for (const JobId job : world_.promised()) {
    const auto record = record_of(job);
    if (!record || record->settled) continue;
    asked_[next_token_] = {.job = job, .verb = Verb{.kind = Verb::Kind::retry}};
    events_.push_back(VerbRequested{next_token_++, job, {.kind = Verb::Kind::retry}});
  }
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
    spawn_by_chance(*reported);
  }
  Turn turn = engine_->turn(events_, now_);
  events_.clear();
  if (turn.batch != 0 || !turn.requests.empty()) turns_.push_back(std::move(turn));
}

/// Between any two commits the host may die, before or after.
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
  batch.commit(*store_, epoch_);
  judge_all();
  if (!world_.calm && chance_.below(25) == 0) return crash();
  carry_out(batch.conclude(false));
}

void SimulatedHost::carry_out(runtime::Consequences consequences) {
  for (const auto& delivery : consequences.replies) take_reply(delivery);
  for (const CallRequest& request : consequences.starts) {
    world_.starts(request, record_of(request.id.job));
  }
  for (const StopCall& stop : consequences.stops) world_.stops(stop.call);
  for (const BatchOutcome& outcome : consequences.outcomes) engine_->settled(outcome);
  for (Event& event : consequences.events) events_.push_back(std::move(event));
  for (const StoreRequest& request : consequences.requests) serve(request);
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
    std::optional<JobId> job;
    if (const auto* accepted = std::get_if<runtime::JobAccepted>(answer)) job = accepted->id;
    if (const auto* exists = std::get_if<runtime::JobExists>(answer)) job = exists->id;
    if (job) {
      if (!record_of(*job)) throw Broken("J2: a submit is acknowledged and not on disk");
      world_.accepted(*job, asked->second.key);
    }
  } else if (const auto* verdict = std::get_if<Verdict>(&delivery.second)) {
    if (const auto* accepted = std::get_if<Accepted>(verdict)) {
      take_accepted(asked->second, accepted->job);
    }
  }
  const auto* answer = std::get_if<runtime::EventAnswer>(&delivery.second);
  if (answer && std::holds_alternative<runtime::EventAccepted>(*answer)) {
    world_.took_in_event(asked->second.event);
  }
  asked_.erase(asked);
}

void SimulatedHost::take_accepted(const Asked& asked, JobId made) {
  world_.operated(asked.job, asked.verb->kind);
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
    seen.row = loaded->rows.back().number;
    return &seen.record;
  }
  for (const StoredRow& row : store_->journal(job, seen.row, rows_max)) {
    seen.record.add_row(decode_entries(row.entries));
    seen.row = row.number;
  }
  return &seen.record;
}

void SimulatedHost::judge(JobId job) {
  const Record* record = record_of(job);
  if (!record) throw Broken("J2: job " + to_text(job) + " was acknowledged and is gone");
  Seen& seen = seen_.at(job);
  if (seen.judged == seen.row) return;
  seen.judged = seen.row;
  world_.judge(job, *record);
  if (!record->settled) return;
  for (const storage::ChildLine& child : store_->children(job, {}, 100)) {
    if (!child.outcome) throw Broken("W3: job " + to_text(job) + " settled before its own");
  }
}

void SimulatedHost::judge_all() {
  settled_ = 0;
  for (const JobId job : world_.promised()) {
    judge(job);
    if (seen_.at(job).record.settled) ++settled_;
  }
}

void SimulatedHost::judge_events() {
  world_.judge_events(store_->events({.tenant = "default"}, {}, 100'000));
}

/// Rows that were dropped (D6) change nothing of what the record says at the end.
void SimulatedHost::judge_what_is_kept() {
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
