#pragma once

#include <vector>

#include "tools/bench/measures.hpp"

namespace stepd::bench {

/// What a call of a step that does nothing costs with its plugin in a process of its own, and what
/// such a process costs to start; nothing of it touches the disk.
[[nodiscard]] std::vector<Figure> measure_calls(const Plan& plan);

}  // namespace stepd::bench
