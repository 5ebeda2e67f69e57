#pragma once

#include <stop_token>

#include "host/engine/engine.hpp"
#include "host/plugin/step_call.hpp"

namespace stepd::runtime {

/// Runs the code behind a step on the thread that asks. Any thread, several at once.
class StepCaller {
 public:
  virtual ~StepCaller() = default;
  /// Returns once none of the call's code runs any more. Throws nothing.
  [[nodiscard]] virtual engine::Outcome run(const engine::CallRequest& request,
                                            plugin::CallPorts& ports, std::stop_token stop) = 0;
  /// The code runs in this process, and may bring it down.
  [[nodiscard]] virtual bool runs_here(const engine::CallRequest&) const { return true; }
};

}  // namespace stepd::runtime
