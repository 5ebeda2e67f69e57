#pragma once

#include <chrono>
#include <optional>

#include "host/engine/time.hpp"

namespace stepd::plugin {

/// Measures the processor time of one call on the thread that makes and asks it. Threads that the
/// step starts are not in it.
///
/// To ask the kernel twice costs a microsecond, which is much beside a call that takes five. A call
/// of a type known to be quick is taken to have had the processor for as long as it lasted; one
/// that lasted longer all the same may have waited for it, and is not known.
class CpuMeter final {
 public:
  explicit CpuMeter(bool quick) noexcept;
  [[nodiscard]] std::optional<engine::Duration> spent() const noexcept;
  /// What the thread had had before; nothing when that was not asked for.
  [[nodiscard]] std::optional<engine::Duration> before() const noexcept { return cpu_; }

 private:
  std::optional<engine::Duration> cpu_;  // when it began; absent: not asked for
  std::chrono::steady_clock::time_point began_;
};

}  // namespace stepd::plugin
