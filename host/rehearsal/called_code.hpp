#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "host/rehearsal/step_code.hpp"
#include "host/runtime/step_caller.hpp"

namespace stepd::rehearsal {

/// Calls the code that a caller knows, each call on a thread of its own, so that one that does not
/// return holds up nobody for ever. Such a thread goes on: nothing can end it but the process.
class CalledCode final : public StepCode {
 public:
  struct Setting {
    engine::Duration call_max = std::chrono::seconds(30);  // a call's time-out when that is less
    engine::Duration stop_grace = std::chrono::seconds(5);
  };
  /// The caller is borrowed and outlives it.
  explicit CalledCode(runtime::StepCaller& caller) : CalledCode(caller, Setting()) {}
  CalledCode(runtime::StepCaller& caller, Setting setting) : caller_(caller), setting_(setting) {}
  /// Waits for calls that still run: see `end`.
  ~CalledCode() override;

  /// One test at a time has the code called; false: another has, or a call of it still runs. Any
  /// thread; likewise `leave`.
  [[nodiscard]] bool enter();
  void leave();
  /// From here on nothing is called, and what runs is asked to stop. True once all of it is over,
  /// false when it is not within the span. Any thread.
  [[nodiscard]] bool end(engine::Duration within);

  // By the thread whose test it is.
  [[nodiscard]] std::optional<engine::Outcome> run(const Call& call, CodeNeeds& needs) override;
  [[nodiscard]] std::string why_silent() const override { return why_silent_; }
  [[nodiscard]] engine::JobId ids_above(engine::TimePoint now) override;

 private:
  class Visit;
  class Ports;
  struct Stray {
    std::shared_ptr<Visit> visit;  // its thread's, and ours until that has ended
    std::jthread thread;
  };
  [[nodiscard]] std::optional<engine::Outcome> answer_of(Visit& visit, CodeNeeds& needs);
  void clear_strays();

  runtime::StepCaller& caller_;
  const Setting setting_;
  std::string why_silent_;
  std::uint32_t jobs_ = 0;
  std::mutex mutex_;  // guards what is below
  std::condition_variable over_;
  bool entered_ = false;
  bool ending_ = false;
  std::shared_ptr<Visit> current_;
  std::list<Stray> strays_;
};

}  // namespace stepd::rehearsal
