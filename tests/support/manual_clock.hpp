#pragma once

#include <mutex>

#include "host/runtime/clock.hpp"

namespace stepd::tests {

/// A clock that stands still until the test moves it. Any thread.
class ManualClock final : public runtime::Clock {
 public:
  explicit ManualClock(engine::Now now = {.wall = engine::TimePoint{std::chrono::hours(24 * 20000)},
                                          .steady = engine::SteadyPoint{std::chrono::hours(1)}})
      : now_(now) {}

  [[nodiscard]] engine::Now now() const override {
    const std::scoped_lock lock(mutex_);
    return now_;
  }
  /// Both clocks, as time does.
  void pass(engine::Duration span) {
    const std::scoped_lock lock(mutex_);
    now_.wall += span;
    now_.steady += span;
  }
  /// The wall clock alone, as an operator does.
  void set_wall(engine::TimePoint wall) {
    const std::scoped_lock lock(mutex_);
    now_.wall = wall;
  }

 private:
  mutable std::mutex mutex_;  // guards now_
  engine::Now now_;
};

}  // namespace stepd::tests
