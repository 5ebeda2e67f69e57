#pragma once

#include <cstdint>
#include <optional>

#include "host/engine/time.hpp"

namespace stepd::engine {

/// What one call took, as it was measured where it ran; absent: not known. The engine records it
/// and decides nothing by it.
struct Usage {
  std::optional<Duration> waited{};  // its step was ready and the call had not begun
  std::optional<Duration> ran{};     // by its host's clock
  std::optional<Duration> cpu{};     // of the one thread that its code was called on
  // The most that the whole process has had in memory until then, other calls included.
  std::optional<std::uint64_t> memory_kib{};
  friend bool operator==(const Usage&, const Usage&) = default;
};

}  // namespace stepd::engine
