#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/plugin/alternate_stack.hpp"
#include "host/runtime/attempt_runner.hpp"
#include "host/runtime/call_budget.hpp"
#include "host/runtime/call_slot.hpp"
#include "host/runtime/call_watch.hpp"
#include "host/runtime/clock.hpp"
#include "host/runtime/crash_mark.hpp"
#include "host/runtime/step_caller.hpp"
#include "host/runtime/step_counters.hpp"

namespace stepd::runtime {

/// A line a plugin logs from within a call.
struct CallLogLine {
  const engine::CallRequest& request;
  std::int32_t level = 0;  // the plugin ABI's: 0 debug, 1 info, 2 warning, 3 error
  std::string_view message;
  std::string_view fields_json;
};

/// What all workers share, and how one of them runs one call.
struct WorkFloor {
  StepCaller& caller;
  AttemptSink& sink;
  const Clock& clock;
  CallWatch& watch;
  CrashSeats& seats;
  StepCounters& counters;
  const CallBudgets budgets;
  std::function<void(const CallLogLine&)> log;  // any thread; empty: nobody listens
};

/// Reports that nobody could be found to run these, which none of their code is to blame for: they
/// are tried again, without an attempt being charged.
[[nodiscard]] std::vector<engine::CallReported> without_worker(
    const std::deque<engine::BoxedCall>& requests, const std::string& fact);

/// One worker's place: its slot under the watch, its seat for the crash mark, its own stack for
/// signal handlers. Lives on the worker's thread.
class WorkPlace {
 public:
  explicit WorkPlace(WorkFloor& floor, CallWatch::OnStuck on_stuck = {});
  ~WorkPlace();
  WorkPlace(const WorkPlace&) = delete;
  WorkPlace& operator=(const WorkPlace&) = delete;

  /// Takes the call on, so that `stop` reaches it from here on.
  void begin(const engine::CallRequest& request, std::optional<engine::Duration> stuck_after);
  /// For a call that is to stop before it has run anything.
  void ask_to_stop() { slot_->stop(call_); }
  /// Runs the call begun with.
  [[nodiscard]] engine::CallReported run(const engine::CallRequest& request);

 private:
  void complete(engine::Outcome& outcome, const engine::CallRequest& request,
                engine::Duration took);

  WorkFloor& floor_;
  const std::shared_ptr<CallSlot> slot_;  // owned here and by the watch while it looks
  CrashSeat seat_;
  StepCounter counter_;
  plugin::AlternateStack stack_;
  std::stop_token stop_;
  engine::CallId call_;
  engine::SteadyPoint began_;
};

}  // namespace stepd::runtime
