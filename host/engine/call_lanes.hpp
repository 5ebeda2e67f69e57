#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "host/engine/id.hpp"
#include "host/engine/time.hpp"

namespace stepd::engine {

/// A step that is ready and waits for a slot.
struct ReadyStep {
  JobId job;
  StepIndex step = 0;
};

/// Steps waiting for a slot and the slots taken, for calls measured to take next to no time and for
/// all others: the first may queue deeply behind a worker, the second never.
class CallLanes {
 public:
  struct Limits {
    std::size_t calls_max = 0;
    std::size_t quick_calls_max = 0;
    Duration quick_below{};
  };
  explicit CallLanes(Limits limits)
      : quick_below_(limits.quick_below),
        steady_{.max = limits.calls_max},
        quick_{.max = limits.quick_calls_max} {}

  [[nodiscard]] bool is_quick(std::string_view type) const {
    const auto known = mean_.find(type);
    return known != mean_.end() && known->second < quick_below_;
  }

  /// A new mean in which the last call weighs an eighth, and counts for four times the limit at
  /// most: one call that lost its processor to another makes no type slow that is far below it.
  void measured(std::string_view type, Duration took) {
    const auto known = mean_.find(type);
    if (known == mean_.end()) {
      mean_.emplace(type, std::min(took, quick_below_ * 4));
    } else {
      known->second = (known->second * 7 + std::min(took, quick_below_ * 4)) / 8;
    }
  }

  /// Compensations go first; of the others, whose turn is earliest, and who came first.
  struct Turn {
    bool first = false;
    TimePoint at{};
  };
  void wait(bool quick, ReadyStep step, Turn turn) {
    auto& waiting = lane(quick).waiting;  // mostly it is the last
    waiting.emplace_hint(waiting.end(), Place{!turn.first, turn.at, ++places_given_}, step);
  }

  /// The steps of this job wait no longer.
  void take_back(JobId job) {
    for (Lane* each : {&quick_, &steady_}) {
      std::erase_if(each->waiting, [job](const auto& entry) { return entry.second.job == job; });
    }
  }

  /// The next step for which there is a slot.
  [[nodiscard]] std::optional<ReadyStep> next() {
    for (Lane* each : {&quick_, &steady_}) {
      if (each->waiting.empty() || each->taken >= each->max) continue;
      return each->waiting.extract(each->waiting.begin()).mapped();
    }
    return std::nullopt;
  }

  void take(bool quick) { ++lane(quick).taken; }
  void give_back(bool quick) { --lane(quick).taken; }
  [[nodiscard]] std::size_t taken() const { return steady_.taken + quick_.taken; }

 private:
  using Place = std::tuple<bool, TimePoint, std::uint64_t>;
  struct Lane {
    std::size_t max = 0;
    std::size_t taken = 0;
    std::map<Place, ReadyStep> waiting{};
  };
  [[nodiscard]] Lane& lane(bool quick) { return quick ? quick_ : steady_; }

  Duration quick_below_;
  std::uint64_t places_given_ = 0;
  Lane steady_;
  Lane quick_;
  std::map<std::string, Duration, std::less<>> mean_;
};

}  // namespace stepd::engine
