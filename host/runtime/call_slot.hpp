#pragma once

#include <atomic>
#include <limits>
#include <mutex>
#include <optional>
#include <stop_token>

#include "host/engine/engine.hpp"
#include "host/plugin/step_call.hpp"
#include "host/runtime/call_budget.hpp"

namespace stepd::runtime {

/// The call one worker is at, as seen by those who stop and watch calls. Times are steady.
class CallSlot {
 public:
  /// The worker: it begins with a call; the token is how the call hears that it is to stop. When it
  /// takes longer than `stuck_after` it is to be told of, for others may wait behind it.
  [[nodiscard]] std::stop_token begin(const engine::CallRequest& request, engine::SteadyPoint now,
                                      std::optional<engine::Duration> stuck_after,
                                      const CallBudget* budget);
  /// The worker: the call has a budget of processor time.
  [[nodiscard]] bool is_measured() const { return budget_.cpu.has_value(); }
  /// The worker: its code is about to run, and this measures it: to be looked at from the time
  /// returned on.
  [[nodiscard]] engine::SteadyPoint measure(plugin::CpuClock cpu, engine::SteadyPoint now);

  /// What became of the call in the eyes of those who watched.
  struct Seen {
    bool overran = false;
    std::optional<engine::Error> over_budget{};
    std::optional<engine::Duration> cpu{};  // when it was last looked at
  };
  /// The worker: the call is over.
  [[nodiscard]] Seen end();

  /// Any thread: the call is alive.
  void sign_of_life(engine::SteadyPoint now);

  /// Any thread: asks the call to stop. False: this is not the call under way here.
  bool stop(const engine::CallId& call);

  /// What is to be said of the call, each once, and when to look again.
  struct Look {
    std::optional<engine::CallOverran> overran;
    std::optional<engine::CallId> stuck;
    engine::SteadyPoint next = engine::SteadyPoint::max();
  };
  [[nodiscard]] Look look(engine::SteadyPoint now);

 private:
  using Ticks = engine::Duration::rep;

  void look_at_budget(engine::SteadyPoint now);

  std::mutex mutex_;  // guards all but last_sign_
  std::optional<engine::CallId> call_;
  std::stop_source stop_{std::nostopstate};
  engine::SteadyPoint timeout_at_ = engine::SteadyPoint::max();
  engine::SteadyPoint stuck_at_ = engine::SteadyPoint::max();
  engine::Duration heartbeat_{};  // zero: none
  CallBudget budget_;
  engine::SteadyPoint began_{};
  engine::SteadyPoint budget_ends_at_ = engine::SteadyPoint::max();
  engine::SteadyPoint cpu_look_at_ = engine::SteadyPoint::max();
  plugin::CpuClock cpu_;
  Seen seen_;
  std::atomic<Ticks> last_sign_{0};
};

}  // namespace stepd::runtime
