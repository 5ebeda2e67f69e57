#pragma once

#include <cstddef>
#include <functional>

#include "host/runtime/attempt_runner.hpp"
#include "host/runtime/call_watch.hpp"
#include "host/runtime/crash_mark.hpp"
#include "host/runtime/quick_lane.hpp"
#include "host/runtime/slow_lane.hpp"
#include "host/runtime/step_caller.hpp"
#include "host/runtime/step_counters.hpp"
#include "host/runtime/work_floor.hpp"

namespace stepd::runtime {

struct RunnerSettings {
  std::size_t workers = 64;  // calls at a time that may take long
  QuickLane::Settings quick;
  CallBudgets budgets;
};

/// Runs calls in this process, on threads of its own. What is known to be quick shares a lane;
/// everything else has a worker to itself.
class InProcessRunner final : public AttemptRunner {
 public:
  /// Borrowed; all outlive the runner.
  struct Surroundings {
    StepCaller& caller;
    AttemptSink& sink;
    const Clock& clock;
    CrashSeats& seats;
    StepCounters& counters;
    std::function<void(const CallLogLine&)> log;
  };
  InProcessRunner(Surroundings surroundings, const RunnerSettings& settings);
  ~InProcessRunner() override;

  void start(std::vector<engine::BoxedCall> requests) override;
  void stop(const engine::CallId& call, engine::StopCause cause) override;
  void shut_down() override;

 private:
  void report_unstarted(std::vector<engine::CallId> calls);

  CallWatch watch_;
  WorkFloor floor_;
  SlowLane slow_;
  QuickLane quick_;
  std::atomic<bool> closed_{false};
};

}  // namespace stepd::runtime
