#pragma once

#include "host/workshop/order.hpp"
#include "host/workshop/report.hpp"

namespace stepd::workshop {

/// Makes every check of a plugin's file and tells what each came to; the exit code, 0 when none
/// failed. Throws BadOrder, and std::exception when this process has trouble of its own.
[[nodiscard]] int validate_plugin(const ValidatePlugin& work, bool json, Report& report);

}  // namespace stepd::workshop
