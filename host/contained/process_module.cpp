#include "host/contained/process_module.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "host/contained/exchange.hpp"

namespace stepd::contained {
namespace {

using engine::OutcomeKind;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// After the first death a process is there again at once; later ones are kept apart.
constexpr milliseconds back_off_first{100};
constexpr milliseconds back_off_max{10'000};

/// Not worth a call that has not begun.
constexpr milliseconds waited_for_at_most{250};

/// Of a plugin that was replaced; then its process is killed.
constexpr milliseconds ends_threads_within{1000};

constexpr milliseconds until_a_process_may_be_had{1000};
constexpr milliseconds until_the_suspect_before_may_be_over{2000};

/// Of jobs that never call again, too; the oldest are forgotten.
constexpr std::size_t suspects_max = 10'000;

milliseconds back_off(std::uint32_t deaths_in_row) {
  if (deaths_in_row < 2) return milliseconds::zero();
  const auto doublings = std::min<std::uint32_t>(deaths_in_row - 2, 10);
  return std::min(back_off_first * (1U << doublings), back_off_max);
}

engine::Outcome unsuccessful(OutcomeKind kind, engine::Error error) {
  engine::Outcome outcome;
  outcome.kind = kind;
  outcome.error = std::move(error);
  return outcome;
}

}  // namespace

ProcessModule::ProcessModule(ProcessFloor& floor, std::filesystem::path module, std::string plugin,
                             std::shared_ptr<LiveProcess> first)
    : floor_(floor),
      module_(std::move(module)),
      plugin_(std::move(plugin)),
      process_(std::move(first)) {}

ProcessModule::~ProcessModule() {
  if (process_) process_->kill(Death::ByHost::trouble);
}

std::optional<std::string> ProcessModule::start(const std::string& configuration) {
  configuration_ = configuration;
  return process_->start_plugin(configuration_);
}

engine::Outcome ProcessModule::run(const engine::CallRequest& request, plugin::CallPorts& ports,
                                   std::stop_token stop) {
  const Call call{request, ports, std::move(stop)};
  const CountedCall counted(*this);
  auto ended = is_suspect(request) ? run_alone(call) : run_beside_others(call);
  if (auto* outcome = std::get_if<engine::Outcome>(&ended)) return std::move(*outcome);
  auto& not_now = std::get<NotNow>(ended);
  auto outcome = unsuccessful(OutcomeKind::not_started, {"no_process", std::move(not_now.why), {}});
  outcome.retry_after = not_now.again_after;
  return outcome;
}

bool ProcessModule::is_suspect(const engine::CallRequest& request) {
  const std::scoped_lock lock(mutex_);
  return !suspects_.empty() && suspects_.contains({request.id.job, request.step_index});
}

ProcessModule::CountedCall::CountedCall(ProcessModule& module) : module_(module) {
  const std::scoped_lock lock(module_.mutex_);
  ++module_.calls_;
}

ProcessModule::CountedCall::~CountedCall() {
  Process idle;
  {
    const std::scoped_lock lock(module_.mutex_);
    --module_.calls_;
    idle = module_.take_if_idle();
  }
  end_gently(idle);
}

/// Under the lock. What is to be ended: the process of a retired module that runs no call.
ProcessModule::Process ProcessModule::take_if_idle() {
  if (!retired_ || calls_ != 0) return nullptr;
  return std::exchange(process_, nullptr);
}

void ProcessModule::end_gently(const Process& process) {
  if (!process) return;
  (void)process->quiesce(ends_threads_within);
  process->kill(Death::ByHost::trouble);
}

void ProcessModule::retire() {
  Process idle;
  {
    const std::scoped_lock lock(mutex_);
    retired_ = true;
    idle = take_if_idle();
  }
  end_gently(idle);
}

void ProcessModule::recall() {
  const std::scoped_lock lock(mutex_);
  retired_ = false;
}

std::variant<engine::Outcome, ProcessModule::NotNow> ProcessModule::run_beside_others(
    const Call& call) {
  while (true) {
    auto found = process(call.stop);
    if (auto* not_now = std::get_if<NotNow>(&found)) return std::move(*not_now);
    const auto& live = std::get<Process>(found);
    try {
      if (auto outcome = run_in(live, call, false)) return *std::move(outcome);
    } catch (const std::exception& error) {
      return NotNow{"the host has no means to call plugin " + plugin_ + " now: " + error.what(),
                    until_a_process_may_be_had};
    }
    // It has ended without this call.
    count_death(live);
  }
}

/// In a process of its own, one such call after the other: whatever ends it is its own doing.
std::variant<engine::Outcome, ProcessModule::NotNow> ProcessModule::run_alone(const Call& call) {
  const std::unique_lock turn(alone_, std::try_to_lock);
  if (!turn) {
    return NotNow{
        "a call of plugin " + plugin_ +
            " has ended its process, it is not known which, and each that may have done it runs "
            "alone: another one does now",
        until_the_suspect_before_may_be_over};
  }
  if (call.stop.stop_requested()) return NotNow{"asked to stop before it began", {}};
  auto started = new_process();
  if (auto* not_now = std::get_if<NotNow>(&started)) return std::move(*not_now);
  KillUnlessKept live(std::get<Process>(started));
  try {
    if (auto outcome = run_in(std::get<Process>(started), call, true)) return *std::move(outcome);
    return NotNow{in_words(live->death(), "the process of plugin " + plugin_),
                  until_a_process_may_be_had};
  } catch (const std::exception& error) {
    return NotNow{"the host has no means to call plugin " + plugin_ + " now: " + error.what(),
                  until_a_process_may_be_had};
  }
}

/// Nothing: the call has not reached the process, which has ended or is about to. Throws when the
/// host has no means for it.
std::optional<engine::Outcome> ProcessModule::run_in(const Process& process, const Call& call,
                                                     bool alone) {
  const auto seat = process->take_seat();
  if (!seat) return std::nullopt;
  auto heard = exchange(*seat, call.request, call.ports, call.stop, floor_.settings.limits);
  if (auto* outcome = std::get_if<engine::Outcome>(&heard)) {
    is_well(call.request);
    return std::move(*outcome);
  }
  if (std::get<Unheard>(heard) == Unheard::not_sent) return std::nullopt;
  const Death& death = process->death();
  if (!alone) count_death(process);
  return outcome_of(death, seat->number(), call.request, alone);
}

std::variant<ProcessModule::Process, ProcessModule::NotNow> ProcessModule::process(
    const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (true) {
    if (!started_.wait(lock, stop, [this] { return !starting_; })) {
      return NotNow{"asked to stop before it began", {}};
    }
    const Process found = process_;
    if (found && found->is_alive()) return found;
    if (!found) {
      const auto left = not_before_ - steady_clock::now();
      if (left <= steady_clock::duration::zero() || left > waited_for_at_most) break;
      started_.wait_until(lock, stop, not_before_, [] { return false; });
      if (stop.stop_requested()) break;
      continue;
    }
    lock.unlock();
    count_death(found);
    lock.lock();
  }
  const auto now = steady_clock::now();
  if (now < not_before_) {
    return NotNow{"the process of plugin " + plugin_ +
                      " has ended several times in a row, and the next one is not started yet",
                  std::chrono::ceil<milliseconds>(not_before_ - now)};
  }
  starting_ = true;
  lock.unlock();
  auto started = new_process();
  lock.lock();
  starting_ = false;
  started_.notify_all();
  if (const auto* live = std::get_if<Process>(&started)) {
    process_ = *live;
  } else {
    not_before_ = steady_clock::now() + until_a_process_may_be_had;
  }
  return started;
}

std::variant<ProcessModule::Process, ProcessModule::NotNow> ProcessModule::new_process() const {
  try {
    KillUnlessKept live(LiveProcess::start(floor_, plugin_));
    const auto described = live->open(module_);
    if (const auto* fault = std::get_if<LiveProcess::Fault>(&described)) {
      return NotNow{"plugin " + plugin_ + " " + *fault, until_a_process_may_be_had};
    }
    if (const auto fault = live->start_plugin(configuration_)) {
      return NotNow{"plugin " + plugin_ + " " + *fault, until_a_process_may_be_had};
    }
    return live.keep();
  } catch (const std::exception& error) {
    return NotNow{"no process for plugin " + plugin_ + " is to be had: " + error.what() +
                      "; free memory and processes",
                  until_a_process_may_be_had};
  }
}

/// Each death once, by the first that tells of it.
void ProcessModule::count_death(const Process& process) {
  const Death& death = process->death();
  const std::scoped_lock lock(mutex_);
  if (process_ != process) return;
  process_.reset();
  if (death.by_host == Death::ByHost::overran) return;
  ++deaths_in_row_;
  not_before_ = steady_clock::now() + back_off(deaths_in_row_);
}

/// A call has come back.
void ProcessModule::is_well(const engine::CallRequest& request) {
  const std::scoped_lock lock(mutex_);
  deaths_in_row_ = 0;
  if (!suspects_.empty()) suspects_.erase({request.id.job, request.step_index});
}

/// Under the lock.
void ProcessModule::suspect(const Suspect& suspect) {
  if (suspects_.size() == suspects_max) suspects_.erase(suspects_.begin());
  suspects_.insert(suspect);
}

engine::Outcome ProcessModule::outcome_of(const Death& death, std::uint32_t line,
                                          const engine::CallRequest& request, bool alone) {
  const Suspect step{request.id.job, request.step_index};
  const auto culprit = blamed(death, alone);
  const std::string fact = in_words(death, "the process of plugin " + plugin_);
  const std::scoped_lock lock(mutex_);
  if (culprit == line && death.by_host == Death::ByHost::overran) {
    suspects_.erase(step);
    // Nobody knows what it has done until then.
    auto killed =
        unsuccessful(OutcomeKind::effect_unknown,
                     {"killed",
                      "did not stop within " + std::to_string(floor_.settings.stop_grace.count()) +
                          " ms after it was asked to, so its process was killed",
                      {}});
    killed.used.memory_kib = death.used.memory_kib;
    return killed;
  }
  if (culprit == line) {
    suspects_.erase(step);
    auto crashed =
        unsuccessful(OutcomeKind::crashed,
                     {"crashed", with_print(fact + " in a call of " + request.type, death.printed),
                      details_of(death)});
    crashed.used.memory_kib = death.used.memory_kib;
    if (death.culprit == line) crashed.used.cpu = death.used.cpu;
    return crashed;
  }
  if (culprit) {
    return unsuccessful(OutcomeKind::interrupted,
                        {"interrupted", fact + ", through a call of another step", {}});
  }
  if (!has_suspects(death)) {
    return unsuccessful(OutcomeKind::interrupted, {"interrupted", fact + ", through no call", {}});
  }
  suspect(step);
  return unsuccessful(
      OutcomeKind::interrupted,
      {"interrupted",
       with_print(fact + ", and it is not known which call ended it: this one runs alone next time",
                  death.printed),
       {}});
}

std::optional<std::string> ProcessModule::quiesce(milliseconds budget) {
  Process live;
  {
    const std::scoped_lock lock(mutex_);
    live = process_;
  }
  if (!live) return std::nullopt;
  auto trouble = live->quiesce(std::max(budget, milliseconds::zero()));
  live->kill(Death::ByHost::trouble);
  return trouble;
}

}  // namespace stepd::contained
