#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace stepd::contained {

/// The most memory that a process has had resident since its program began, in KiB, as /proc tells
/// it (VmHWM); getrusage would count what the host had when it started the process. Nothing: it has
/// ended, or there is no such line. Safe in a signal handler; 0 stands for this process.
[[nodiscard]] std::optional<std::uint64_t> peak_memory_of(pid_t process) noexcept;

/// Of this process, for all its lines. Looked up anew after 100 ms only, because that takes as long
/// as two quick calls. Any thread.
class PeakMemory final {
 public:
  [[nodiscard]] std::optional<std::uint64_t> known();

 private:
  std::atomic<std::chrono::steady_clock::rep> look_again_at_{0};
  std::atomic<std::uint64_t> kib_{0};  // 0: not known
};

}  // namespace stepd::contained
