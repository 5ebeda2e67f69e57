#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>

#include "host/runtime/live_host.hpp"

namespace stepd::daemon {

/// Why the daemon is to end.
struct End {
  enum class Why : std::uint8_t { signal, storage_broken, fenced, engine_failed };
  Why why = Why::signal;
  std::string message;
};

/// Collects what ends the daemon: SIGTERM, SIGINT and SIGHUP, and losses of the host. Made before
/// any other thread, so that all of them leave these signals to it. Throws std::system_error.
class EndWatch {
 public:
  EndWatch();
  ~EndWatch();
  EndWatch(const EndWatch&) = delete;
  EndWatch& operator=(const EndWatch&) = delete;

  /// Any thread; the first one counts.
  void lost(runtime::HostLoss loss, const std::string& message);

  /// The main thread: waits for an end, for up to `limit` if given.
  [[nodiscard]] std::optional<End> wait(std::optional<std::chrono::milliseconds> limit = {});

  /// From here on a further signal ends the process at once. It is not held back from a program
  /// that takes the place of this one either.
  void let_signals_kill();

 private:
  int signals_ = -1;
  int losses_ = -1;
  std::mutex mutex_;  // guards loss_
  std::optional<End> loss_;
};

}  // namespace stepd::daemon
