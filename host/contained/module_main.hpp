#pragma once

#include <functional>
#include <vector>

#include "host/plugin/step_module.hpp"

namespace stepd::contained {

/// The process of a plugin, from its start to its end; does not come back. Meant for nothing but
/// the process that a ProcessContainment has started: descriptor 3 is the line to the host, 4 the
/// page it shares with it. `prepare` is handed the steps before any of them is called, and may put
/// callbacks of its own around theirs.
using PrepareSteps = std::function<void(std::vector<plugin::StepModule>& steps)>;
[[noreturn]] void module_main(PrepareSteps prepare = [](std::vector<plugin::StepModule>&) {});

inline constexpr int host_descriptor = 3;
inline constexpr int page_descriptor = 4;

}  // namespace stepd::contained
