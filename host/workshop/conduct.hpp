#pragma once

#include <span>
#include <string_view>

#include "host/workshop/trial.hpp"

/// What is asked of a step type by calling it. Each check has processes of its own.
namespace stepd::workshop {

struct ConductCheck {
  std::string_view name;
  Finding (*run)(Trial& trial, Chance& chance);
};
/// In the order in which they are made.
[[nodiscard]] std::span<const ConductCheck> conduct_checks();

// Those of conduct_crash.cpp.
[[nodiscard]] Finding check_crashes(Trial& trial, Chance& chance);
[[nodiscard]] Finding check_compensate_twice(Trial& trial, Chance& chance);
[[nodiscard]] Finding check_compensate_without_execute(Trial& trial, Chance& chance);

}  // namespace stepd::workshop
