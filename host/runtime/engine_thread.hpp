#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "host/engine/engine.hpp"
#include "host/runtime/clock.hpp"
#include "host/runtime/engine_inbox.hpp"

namespace stepd::runtime {

/// The one thread that owns all job state: takes in what has happened, lets the engine decide, and
/// hands on what it wants recorded. It sleeps until there is mail or something is due.
class EngineThread {
 public:
  /// Borrowed; all outlive the thread.
  struct Surroundings {
    EngineInbox& inbox;
    const Clock& clock;
    std::function<void(engine::Turn)> hand_on;           // to the committer; never blocks
    std::function<void(const std::string&)> on_failure;  // the engine threw: it is over
  };

  EngineThread(std::unique_ptr<engine::Engine> engine, Surroundings surroundings);
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  /// Closes the inbox and ends once what is in it has been taken in. May be called twice.
  void stop();

  /// Any other thread, once: tells the engine that the end is near and waits until no call is under
  /// way and all is settled. False when `until` comes first.
  [[nodiscard]] bool wind_down(engine::SteadyPoint until);

  /// Any thread; as of the last turn.
  [[nodiscard]] engine::Engine::Load load() const;

  /// Any other thread: waits for the engine to look; nothing when it has ended or is very busy.
  [[nodiscard]] StepsByType steps_now();

 private:
  void run();
  void turn(EngineMail& mail);
  [[nodiscard]] std::optional<engine::SteadyPoint> wake_at() const;

  const std::unique_ptr<engine::Engine> engine_;
  const Surroundings at_;
  std::atomic<std::size_t> jobs_{0};
  std::atomic<std::size_t> calls_{0};

  bool winding_down_ = false;  // the engine's thread alone

  std::mutex mutex_;  // guards wound_down_
  std::condition_variable changed_;
  bool wound_down_ = false;

  std::jthread thread_;
};

}  // namespace stepd::runtime
