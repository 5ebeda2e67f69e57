#pragma once

#include "host/workshop/order.hpp"
#include "host/workshop/report.hpp"

namespace stepd::workshop {

/// Calls a step and tells how it ended; the exit code. Throws BadOrder, and std::exception when
/// this process has trouble of its own.
[[nodiscard]] int run_step(const RunStep& work, bool json, Report& report);

}  // namespace stepd::workshop
