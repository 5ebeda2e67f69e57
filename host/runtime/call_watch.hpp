#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/runtime/attempt_runner.hpp"
#include "host/runtime/call_slot.hpp"
#include "host/runtime/clock.hpp"

namespace stepd::runtime {

/// Watches over time-outs, heartbeats and stuck workers with one thread, which sleeps until the
/// earliest of them. A call that overran is reported and asked to stop; it goes on until it
/// returns.
class CallWatch {
 public:
  CallWatch(AttemptSink& sink, const Clock& clock);
  ~CallWatch();
  CallWatch(const CallWatch&) = delete;
  CallWatch& operator=(const CallWatch&) = delete;

  /// Looks after nothing any more. Before anything goes that `on_stuck` refers to.
  void stop();

  /// Any thread. `on_stuck` tells that a call holds up those behind it; on the watch's thread. The
  /// call may be over by then.
  using OnStuck = std::function<void(const engine::CallId&)>;
  void add(std::shared_ptr<CallSlot> slot, OnStuck on_stuck);
  /// Any thread.
  void remove(const std::shared_ptr<CallSlot>& slot);

  /// A worker, once its slot has begun with a call that has to be looked at by then.
  void look_by(engine::SteadyPoint when);

  /// Any thread. False: no slot is at this call.
  bool stop_call(const engine::CallId& call);

 private:
  struct Watched {
    std::shared_ptr<CallSlot> slot;  // owned by its worker, and here while it is looked at
    OnStuck on_stuck;
  };

  void run(const std::stop_token& stop);
  [[nodiscard]] engine::SteadyPoint look_around();

  AttemptSink& sink_;
  const Clock& clock_;

  [[nodiscard]] std::vector<Watched> watched();

  std::mutex slots_mutex_;  // guards slots_
  std::vector<Watched> slots_;

  std::atomic<engine::Duration::rep> looks_at_;  // steady; changed under wake_mutex_
  std::mutex wake_mutex_;
  std::condition_variable_any wake_;

  std::jthread thread_;
};

}  // namespace stepd::runtime
