#pragma once

#include <optional>
#include <vector>

#include "host/engine/definition.hpp"

namespace stepd::engine {

/// The most that one phase of a step takes, from its first call on: every attempt up to its
/// time-out, and the longest waits between; not what suspensions, probes and Retry-After add. Zero:
/// there is nothing to do. Absent: there is no end to it, for want of a time-out or of a last
/// attempt, or its type is not known.
using Longest = std::optional<Duration>;

struct StepPlan {
  bool behind_pivot = false;  // tried until it succeeds, whatever its policy says (C4)
  Longest forward{};
  Longest back{};
};

/// What a job comes to if every step takes as long as it may. Waiting for a plugin, an operator or
/// a host is not in it.
struct JobPlan {
  std::vector<StepIndex> order{};          // each step behind all it comes after
  std::vector<StepIndex> compensations{};  // in an order they may run in, once all that has run
                                           // which can be undone
  std::vector<StepPlan> steps{};           // as in the definition
  Longest forward{};                       // along the longest way through the graph
  Longest back{};                          // likewise
};

/// Of a definition that is free of problems.
[[nodiscard]] JobPlan plan_of(const JobDefinition& job);

}  // namespace stepd::engine
