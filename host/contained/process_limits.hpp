#pragma once

#include <cstdint>
#include <optional>

namespace stepd::contained {

/// What one process may use at most, of all its calls together; the kernel sees to it. Absent: as
/// much as the host itself.
struct ProcessLimits {
  std::optional<std::uint64_t> memory_bytes{};  // of addresses (RLIMIT_AS)
  std::optional<std::uint64_t> cpu_seconds{};   // since it began
  std::optional<std::uint64_t> files{};         // open at a time
  std::optional<std::uint64_t> processes{};     // of the host's user, threads counted
  friend bool operator==(const ProcessLimits&, const ProcessLimits&) = default;
};

}  // namespace stepd::contained
