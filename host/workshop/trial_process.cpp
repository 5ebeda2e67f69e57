#include "host/workshop/trial_process.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "host/contained/description.hpp"
#include "host/contained/exchange.hpp"

namespace stepd::workshop {

using std::chrono::steady_clock;

namespace {

/// Asks a call to stop once its time is over or its caller says so, whichever is first.
class StopWatch final {
 public:
  StopWatch(std::chrono::milliseconds limit, std::stop_token stop)
      : passed_on_(std::move(stop), [this] { source_.request_stop(); }) {
    if (limit == std::chrono::milliseconds::zero()) return;
    thread_ = std::jthread([this, limit](const std::stop_token& over) {
      std::unique_lock lock(mutex_);
      over_.wait_for(lock, over, limit, [] { return false; });
      if (!over.stop_requested()) source_.request_stop();
    });
  }
  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::mutex mutex_;
  std::condition_variable_any over_;
  std::stop_callback<std::function<void()>> passed_on_;
  std::jthread thread_;
};

contained::ProcessSettings settings_of(const TrialProcess::Setting& setting) {
  return {.command = setting.command,
          .stop_grace = setting.stop_grace,
          .host_version = "workshop",
          .limits = {},
          .log = [heard = setting.heard](std::string_view, std::int32_t, std::string_view text) {
            heard(text);
          }};
}

}  // namespace

TrialProcess::TrialProcess(const ModuleCopy& module, const Setting& setting)
    : floor_(settings_of(setting)),
      live_(contained::LiveProcess::start(floor_, module.original().note.id)) {}

TrialProcess::~TrialProcess() { static_cast<void>(end()); }

std::variant<std::unique_ptr<TrialProcess>, TrialProcess::Fault> TrialProcess::start(
    const ModuleCopy& module, const Setting& setting) {
  std::unique_ptr<TrialProcess> process(new TrialProcess(module, setting));
  auto described = process->live_->open(module.file());
  if (auto* fault = std::get_if<std::string>(&described)) return Fault{.fact = std::move(*fault)};
  auto checked = contained::checked_again(std::get<contained::Described>(described));
  if (auto* bad = std::get_if<plugin::BadDescription>(&checked))
    return Fault{.fact = std::move(bad->fact)};
  process->description_ = std::get<plugin::PluginDescription>(std::move(checked));
  if (auto fault = process->live_->start_plugin(setting.configuration)) {
    return Fault{.fact = *std::move(fault), .description = std::move(process->description_)};
  }
  return process;
}

CallEnd TrialProcess::call(TrialJob& job, const Wish& wish, const Listener& listener) {
  engine::CallRequest request = job.next_call(wish.phase);
  request.quick = wish.quick;
  TrialPorts ports(job.records(), wish.phase, listener);
  const StopWatch watch(wish.limit, wish.stop);
  const auto began = steady_clock::now();
  std::optional<engine::Outcome> outcome;
  if (const auto seat = live_->take_seat()) {
    auto heard = contained::exchange(*seat, request, ports, watch.token(), floor_.settings.limits);
    if (auto* said = std::get_if<engine::Outcome>(&heard)) outcome = std::move(*said);
  }
  CallEnd end{.how = contained::Death{}};
  end.took = std::chrono::floor<std::chrono::microseconds>(steady_clock::now() - began);
  end.was_stopped = watch.token().stop_requested();
  job.ended(wish.phase, outcome ? &*outcome : nullptr);
  if (outcome) {
    end.how = *std::move(outcome);
  } else {
    end.how = live_->death();
  }
  return end;
}

std::optional<std::string> TrialProcess::quiesce(std::chrono::milliseconds budget) {
  return live_->quiesce(budget);
}

const contained::Death& TrialProcess::end() {
  live_->kill(contained::Death::ByHost::trouble);
  return live_->death();
}

}  // namespace stepd::workshop
