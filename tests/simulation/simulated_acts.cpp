#include <algorithm>
#include <iterator>
#include <span>

#include "host/engine/codec.hpp"
#include "host/engine/job_state.hpp"
#include "tests/simulation/chance_job.hpp"
#include "tests/simulation/simulated_host.hpp"

/// What happens to the simulated host, by chance.
namespace stepd::simulation {

using namespace engine;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t jobs_max = 6;
constexpr std::size_t jobs_promised_max = 10;  // those made from others included

}  // namespace

void SimulatedHost::act() {
  switch (chance_.below(21)) {
    case 0:
      return submit();
    case 1:
    case 2:
      return operate();
    case 3:
      return change_host();
    case 4:
      return push_clock(std::chrono::milliseconds(chance_.below(3000)));
    case 5:
      // The wall clock jumps; the steady one does not.
      now_.wall += std::chrono::seconds(chance_.below(20)) - 10s;
      return;
    case 6:
      return let_a_call_overrun();
    case 7:
      if (auto report = world_.late_report()) events_.push_back(std::move(*report));
      return;
    case 8:
      return send_event("e" + std::to_string(chance_.below(12)));
    case 19:
      return save_something();
    case 20:
      return chance_.below(8) == 0 ? expire() : turn();
    case 9:
    case 10:
    case 11:
      return commit_one();
    case 12:
    case 13:
    case 14:
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
  if (chance_.below(4) == 0) ask_operator();
  if (chance_.below(4) == 0) send_event("calm-" + std::to_string(next_token_));
  Duration by = 200ms;
  if (const auto next = engine_->wake_at(); next && events_.empty() && !world_.any_running()) {
    by = std::max(by, *next - now_.steady);
  }
  push_clock(by);
}

/// It dies, ends in good order, or is shown other step types.
void SimulatedHost::change_host() {
  switch (chance_.below(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return crash();
    case 4:
      return end_in_order();
    case 5:
      return show(catalogue_by_chance(chance_));
    case 6:
      return show(std::make_shared<const Catalogue>(all_types()));
    default:
      return;
  }
}

void SimulatedHost::show(std::shared_ptr<const Catalogue> catalogue) {
  catalogue_ = std::move(catalogue);
  events_.push_back(CatalogueChanged{catalogue_});
}

void SimulatedHost::let_a_call_overrun() {
  const CallRequest* call = world_.any_running();
  if (!call) return;
  const bool silent = call->heartbeat != Duration::zero();
  if (!silent && call->timeout == Duration::zero()) return;
  const CallId id = call->id;
  world_.overran(id);
  events_.push_back(CallOverran{id, silent});
}

std::optional<JobId> SimulatedHost::any_job() {
  if (world_.promised().empty()) return std::nullopt;
  const auto chosen = chance_.below(world_.promised().size());
  return *std::next(world_.promised().begin(), static_cast<std::ptrdiff_t>(chosen));
}

/// One that has not settled, or has left something.
std::optional<JobId> SimulatedHost::any_undo() {
  for (const JobId job : world_.promised()) {
    const Record* record = record_of(job);
    if (!record || !undone_job(record->definition)) continue;
    if ((!record->settled || !record->left.empty()) && chance_.coin()) return job;
  }
  return std::nullopt;
}

/// One that is waited for by chance, and sent again by chance.
void SimulatedHost::send_event(std::string id) {
  SentEvent event{.tenant = "default",
                  .id = std::move(id),
                  .key = World::event_keys.at(chance_.below(World::event_keys.size())),
                  .data = JsonText("1")};
  if (chance_.below(4) == 0) event.job = any_job();
  asked_[next_token_] = {.event = event.id};
  events_.push_back(EventSent{next_token_++, std::move(event), {}});
}

void SimulatedHost::submit() {
  if (submitted_ >= jobs_max) return;
  JobDefinition definition = job_by_chance(chance_, *catalogue_, 5);
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

/// Execute alone starts jobs, and jobs that others have started start none.
void SimulatedHost::spawn_by_chance(CallReported& reported) {
  const bool goes_on = reported.outcome.kind == OutcomeKind::succeeded ||
                       reported.outcome.kind == OutcomeKind::suspended;
  if (!goes_on) return;
  const auto record = record_of(reported.call.job);
  if (!record || record->definition.parent) return;
  undo_by_chance(reported, *record);
  if (world_.calm || chance_.below(5) != 0) return;
  const auto call = record->calls_started.find(reported.call.number);
  if (call == record->calls_started.end() || call->second.phase != Phase::execute) return;
  const std::size_t jobs = 1 + chance_.below(2);
  for (std::size_t job = 0; job < jobs; ++job) {
    reported.outcome.spawns.push_back(
        {"c" + std::to_string(chance_.below(2)),
         std::make_shared<const JobDefinition>(job_by_chance(chance_, *catalogue_, 2))});
  }
}

/// A call saves while it runs; one that is over tries to.
void SimulatedHost::save_something() {
  const bool is_over = chance_.below(5) == 0;
  const auto late = is_over ? world_.late_report() : std::nullopt;
  const CallRequest* running = is_over ? nullptr : world_.any_running();
  if (!late && !running) return;
  const bool is_memo = chance_.coin();
  BlobOffered offer{.call = late ? late->call : running->id,
                    .reply = next_token_++,
                    .kind = is_memo ? StepBlob::Kind::memo : StepBlob::Kind::checkpoint,
                    .key = is_memo ? "m" + std::to_string(chance_.below(2)) : "",
                    .bytes = std::to_string(1'000'000 + next_token_)};
  asked_[offer.reply] = {.saves = true};
  saved_.offered(offer, running ? running->step_index : 0,
                 running ? running->phase : Phase::execute, is_over);
  events_.push_back(std::move(offer));
}

void SimulatedHost::operate() {
  auto job = chance_.below(3) == 0 ? any_undo() : std::nullopt;
  if (!job) job = any_job();
  const Record* record = job ? record_of(*job) : nullptr;
  if (!record) return;
  constexpr Verb::Kind kinds[] = {Verb::Kind::cancel,  Verb::Kind::retry,   Verb::Kind::retry,
                                  Verb::Kind::retry,   Verb::Kind::abandon, Verb::Kind::priority,
                                  Verb::Kind::rerun,   Verb::Kind::rerun,   Verb::Kind::undo,
                                  Verb::Kind::pause,   Verb::Kind::resume,  Verb::Kind::skip,
                                  Verb::Kind::skip,    Verb::Kind::resolve, Verb::Kind::resolve,
                                  Verb::Kind::resolve, Verb::Kind::remove};
  Verb verb{.kind = kinds[chance_.below(std::size(kinds))],
            .reason = "by chance",
            .request_id = "r" + std::to_string(chance_.below(40))};
  // What can be done with a settled job, and for an undo that left something.
  if (record->settled && chance_.coin()) {
    constexpr Verb::Kind last[] = {Verb::Kind::undo, Verb::Kind::undo, Verb::Kind::rerun,
                                   Verb::Kind::remove};
    verb.kind = record->left.empty() ? last[chance_.below(std::size(last))] : Verb::Kind::rerun;
  } else if (undone_job(record->definition) && !record->parked.empty() && chance_.coin()) {
    verb.kind = Verb::Kind::skip;
  }
  if (verb.kind == Verb::Kind::abandon || verb.kind == Verb::Kind::skip) {
    verb.step = step_by_chance(*record);
    verb.output = JsonText(R"({"n":1})");
  }
  if (verb.kind == Verb::Kind::resolve && !find_out(*job, *record, verb)) return;
  if (verb.kind == Verb::Kind::priority) verb.priority = static_cast<int>(chance_.below(5)) - 2;
  if (verb.kind == Verb::Kind::rerun || verb.kind == Verb::Kind::undo) {
    const bool goes_on = undone_job(record->definition).has_value();
    if (world_.promised().size() >= jobs_promised_max + (goes_on ? 5 : 0)) return;
    verb.request_id = "r" + std::to_string(chance_.below(3));
    if (verb.kind == Verb::Kind::rerun && !goes_on && chance_.coin()) verb.step = "s1";
  }
  ask(*job, std::move(verb));
}

/// One that is parked, more often than not.
std::string SimulatedHost::step_by_chance(const Record& record) {
  if (record.parked.empty() || chance_.below(4) == 0) {
    return "s" + std::to_string(chance_.below(record.definition.steps.size()));
  }
  const auto chosen = chance_.below(record.parked.size());
  const auto step = std::next(record.parked.begin(), static_cast<std::ptrdiff_t>(chosen))->first;
  return record.definition.steps[step].id;
}

/// A person looks at what is there, and states it.
bool SimulatedHost::find_out(JobId job, const Record& record, Verb& verb) {
  if (record.parked.empty()) return false;
  const auto chosen = chance_.below(record.parked.size());
  const auto& [step, phase] =
      *std::next(record.parked.begin(), static_cast<std::ptrdiff_t>(chosen));
  // What an undo is about; the answer that told of the undo may have been lost.
  const JobId about = undone_job(record.definition).value_or(job);
  if (world_.is_running(about, step)) return false;
  const bool applied = world_.is_applied(about, step);
  if (phase == Phase::compensate && applied) return false;
  verb.step = record.definition.steps[step].id;
  verb.output = JsonText(R"({"n":1})");
  verb.truth = phase == Phase::compensate ? Verb::Truth::undone
               : applied                  ? Verb::Truth::done
                                          : Verb::Truth::none;
  return true;
}

void SimulatedHost::ask(JobId job, Verb verb) {
  asked_[next_token_] = {.job = job, .verb = verb};
  events_.push_back(VerbRequested{next_token_++, job, std::move(verb)});
}

/// Nobody but a person lets a paused job go on, and has parked steps tried again.
void SimulatedHost::ask_operator() {
  for (const JobId job : world_.promised()) {
    const Record* record = record_of(job);
    if (!record || record->settled) continue;
    if (record->paused) ask(job, {.kind = Verb::Kind::resume});
    for (const auto& [step, phase] : record->parked) {
      ask(job, {.kind = Verb::Kind::retry, .step = record->definition.steps[step].id});
    }
  }
}

}  // namespace stepd::simulation
