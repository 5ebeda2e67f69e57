#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "host/engine/catalogue.hpp"
#include "host/engine/definition.hpp"

namespace stepd::engine {

/// Something in a submitted job that cannot be accepted: what, where (a JSON pointer into what was
/// sent, RFC 6901) and what to do.
struct Problem {
  std::string code{};     // "duplicate_step"
  std::string pointer{};  // "/steps/2/id"
  std::string message{};
  friend bool operator==(const Problem&, const Problem&) = default;
};

/// The code of the warning of a step type that is not loaded.
inline constexpr std::string_view unknown_step_type_code = "unknown_step_type";

/// More of them help nobody, and a hostile job could hold a million.
inline constexpr std::size_t problems_max = 100;

struct Validated {
  JobDefinition definition{};  // snapshots taken and defaults filled in where the type is known
  std::vector<Problem> problems{};  // any: the job is refused, nothing recorded (J6)
  std::vector<Problem> warnings{};  // a step type that is not loaded (J8); see lint.hpp
};

/// Judges a definition whole and completes it from the catalogue (J2, J6, J7, J8).
[[nodiscard]] Validated validate(JobDefinition definition, const Catalogue& catalogue,
                                 const PolicyDefaults& defaults, const Limits& limits);

/// What a job keeps of a step's type.
[[nodiscard]] StepTypeSnapshot snapshot_of(const StepType& type, const StepDefinition& step,
                                           const PolicyDefaults& defaults,
                                           Pin pin = Pin::compatible);

}  // namespace stepd::engine
