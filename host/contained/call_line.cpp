#include "host/contained/call_line.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <optional>
#include <utility>

#include "host/contained/remote_ports.hpp"
#include "host/plugin/alternate_stack.hpp"
#include "host/plugin/cpu_meter.hpp"
#include "host/plugin/exit_watch.hpp"
#include "host/plugin/step_call.hpp"
#include "host/plugin/thread_clock.hpp"

namespace stepd::contained {
namespace {

// Initial-exec: allocated with the thread, not on first use inside a signal handler.
__attribute__((tls_model("initial-exec"))) constinit thread_local std::atomic<std::uint32_t>
    this_line{0};

/// What this thread had had of a processor when its call began, in microseconds; -1: not known.
__attribute__((tls_model("initial-exec"))) constinit thread_local std::atomic<std::int64_t>
    cpu_before_call{-1};

engine::Outcome trouble_of_the_host(const std::string& what) {
  engine::Outcome outcome;
  outcome.kind = engine::OutcomeKind::retry;
  outcome.error = {.code = "host_trouble",
                   .message = "the process of the plugin could not run the call: " + what,
                   .details = {}};
  return outcome;
}

}  // namespace

std::uint32_t line_of_this_thread_plus_1() noexcept {
  return this_line.load(std::memory_order_relaxed);
}

std::optional<engine::Duration> cpu_of_this_call() noexcept {
  const std::int64_t before = cpu_before_call.load(std::memory_order_relaxed);
  if (before < 0) return std::nullopt;
  return plugin::cpu_of_this_thread() - engine::Duration(before);
}

void CallLine::serve() {
  const plugin::AlternateStack stack;
  this_line.store(number_ + 1, std::memory_order_relaxed);
  memory_.page().thread[number_].store(::gettid());
  bool awake = false;
  while (true) {
    auto received =
        line_.receive_soon(awake ? awake_for_quick_calls : std::chrono::microseconds::zero());
    const auto* message = std::get_if<PacketLine::Message>(&received);
    if (message == nullptr) return;
    const ToCall decoded = to_call(message->bytes);
    const auto* call = std::get_if<RunCall>(&decoded);
    awake = call != nullptr && call->request.quick;
    if (call == nullptr || !line_.send(encode(FromCall(run(*call))))) return;
  }
}

Ended CallLine::run(const RunCall& message) {
  const auto step = std::ranges::find_if(served_.steps, [&](const plugin::StepModule& module) {
    return module.type.name == message.request.type;
  });
  if (step == served_.steps.end()) {
    return {
        message.serial, trouble_of_the_host("it offers no step type " + message.request.type), {}};
  }
  RemotePorts ports(line_, message.now);
  std::stop_token stop = begin(message.serial);
  const pid_t process = ::getpid();
  Ended ended{.serial = message.serial, .outcome = {}, .kept = {}};
  const plugin::CpuMeter meter(message.request.quick);
  cpu_before_call.store(meter.before().value_or(engine::Duration(-1)).count(),
                        std::memory_order_relaxed);
  try {
    ended.outcome =
        plugin::run_call(*step, message.request, ports, std::move(stop), served_.limits);
    ended.kept = ports.kept(ended.outcome.spawns);
  } catch (const std::exception& error) {
    ended = {message.serial, trouble_of_the_host(error.what()), {}};
  }
  // A copy that the step has forked and that came back from its code has nothing to say here.
  if (::getpid() != process) plugin::exit_unheard(1);
  cpu_before_call.store(-1, std::memory_order_relaxed);
  ended.outcome.used = {.cpu = meter.spent(), .memory_kib = peak_.known()};
  end();
  return ended;
}

std::stop_token CallLine::begin(std::uint32_t serial) {
  std::stop_token token;
  {
    const std::scoped_lock lock(mutex_);
    serial_ = serial;
    stop_ = std::stop_source();
    token = stop_.get_token();
  }
  look_for_stop();  // it may have come before the call
  return token;
}

void CallLine::end() {
  const std::scoped_lock lock(mutex_);
  serial_ = 0;
}

void CallLine::look_for_stop() {
  std::optional<std::stop_source> stop;
  {
    const std::scoped_lock lock(mutex_);
    if (serial_ == 0 || memory_.page().stop[number_].load() != serial_) return;
    stop = stop_;
  }
  // Outside the lock: it runs what the call has hung on its token.
  stop->request_stop();
}

}  // namespace stepd::contained
