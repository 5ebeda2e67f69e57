#pragma once

#include "host/runtime/crash_mark.hpp"
#include "host/runtime/step_caller.hpp"

namespace stepd::runtime {

/// Another caller for those who bring a thread of their own for each call: while it runs, the call
/// has a seat, so that it is blamed when it brings the process down, and a stack for signal
/// handlers.
class SeatedCaller final : public StepCaller {
 public:
  /// Both are borrowed and outlive it.
  SeatedCaller(StepCaller& caller, CrashSeats& seats) : caller_(caller), seats_(seats) {}

  [[nodiscard]] engine::Outcome run(const engine::CallRequest& request, plugin::CallPorts& ports,
                                    std::stop_token stop) override;
  [[nodiscard]] bool runs_here(const engine::CallRequest& request) const override {
    return caller_.runs_here(request);
  }

 private:
  StepCaller& caller_;
  CrashSeats& seats_;
};

}  // namespace stepd::runtime
