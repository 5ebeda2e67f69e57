#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>

#include "host/plugin/file_descriptor.hpp"

namespace stepd::plugin {

/// One call's view of the wish that it stop: to be asked, waited for or polled. Any thread. Costs
/// next to nothing until somebody waits.
class CallStop final {
 public:
  explicit CallStop(std::stop_token token) : token_(std::move(token)) {}

  [[nodiscard]] bool asked() const { return token_.stop_requested(); }

  /// True as soon as the call is asked to stop, or is over; false when the span is over before.
  /// Steady clock.
  [[nodiscard]] bool wait_for(std::chrono::milliseconds span);

  /// Readable once the call is asked to stop; -1 when the system has no file left. Closed with
  /// this object.
  [[nodiscard]] int descriptor();

  /// The call is over: nobody waits any longer.
  void release();

 private:
  const std::stop_token token_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool released_ = false;
  FileDescriptor event_;
  // Behind the descriptor it writes to, so that it goes first.
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

}  // namespace stepd::plugin
