#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace stepd::contained {

/// One thread that looks after all processes of plugins: it starts them, because a process dies
/// with the thread that has started it, and hears when they print, speak or end. What it is given
/// to run it runs one after the other; none of it may wait long.
class Supervisor final {
 public:
  Supervisor();
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Any thread: runs the work on the supervisor's and waits for it. What it throws is thrown here.
  void run(const std::function<void()>& work);
  /// Any thread: some time after the span.
  void run_after(std::chrono::milliseconds span, std::function<void()> work);
  /// Any thread. Runs it whenever the descriptor is readable or its other end is closed, until it
  /// returns false; on a descriptor of its own, so that the caller may close this one. What is
  /// returned ends the watch, soon. Throws std::system_error.
  [[nodiscard]] std::function<void()> watch(int descriptor,
                                            std::function<bool(int descriptor)> look);

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace stepd::contained
