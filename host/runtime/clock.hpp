#pragma once

#include "host/engine/time.hpp"

namespace stepd::runtime {

/// Where the time comes from. Any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual engine::Now now() const = 0;
  /// For who needs no wall clock: half the work.
  [[nodiscard]] virtual engine::SteadyPoint steady() const { return now().steady; }
};

/// The only place that asks the system.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] engine::Now now() const override;
  [[nodiscard]] engine::SteadyPoint steady() const override;
};

}  // namespace stepd::runtime
