#pragma once

#include <string>
#include <vector>

#include "tools/bench/measures.hpp"

namespace stepd::bench {

/// Jobs of other shapes than the plain chain: steps side by side, timers, a task of many subtasks;
/// each beside a floor that records as many rows a job.
[[nodiscard]] std::vector<Figure> measure_shapes(const Plan& plan, void (*say)(const std::string&));

}  // namespace stepd::bench
