#pragma once

#include "host/engine/time.hpp"

namespace stepd::runtime {

/// Where the time comes from. Any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual engine::Now now() const = 0;
};

/// The only place that asks the system.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] engine::Now now() const override;
};

}  // namespace stepd::runtime
