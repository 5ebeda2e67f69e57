#pragma once

#include <chrono>

namespace stepd::engine {

/// Spans and instants in microseconds. Due times are wall clock, because they outlive the process;
/// waiting inside the process goes by the steady clock.
using Duration = std::chrono::microseconds;
using TimePoint = std::chrono::sys_time<Duration>;
using SteadyPoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// Both clocks, read together. The engine is handed it and asks no clock itself.
struct Now {
  TimePoint wall{};
  SteadyPoint steady{};
  friend bool operator==(const Now&, const Now&) = default;
};

}  // namespace stepd::engine
