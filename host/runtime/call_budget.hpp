#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "host/engine/outcome.hpp"
#include "host/engine/time.hpp"

namespace stepd::runtime {

/// What one call of a step type may use at most, as the operator has set it; absent: as much as it
/// takes. A call that goes beyond is asked to stop as one that overran its time-out.
struct CallBudget {
  std::optional<engine::Duration> cpu{};   // see engine::Usage
  std::optional<engine::Duration> time{};  // from its begin to its end
  friend bool operator==(const CallBudget&, const CallBudget&) = default;
};
using CallBudgets = std::map<std::string, CallBudget, std::less<>>;  // by step type

/// The error of a call that went beyond it. `used` is what it had used when that was seen.
[[nodiscard]] engine::Error over_cpu_budget(const CallBudget& budget, engine::Duration used);
[[nodiscard]] engine::Error over_time_budget(const CallBudget& budget, engine::Duration used);

}  // namespace stepd::runtime
