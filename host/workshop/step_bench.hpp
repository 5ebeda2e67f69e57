#pragma once

#include "host/workshop/order.hpp"
#include "host/workshop/report.hpp"

namespace stepd::workshop {

/// Calls a step again and again, in a process of its own and then in this one, and tells how long
/// the calls took; the exit code. A step that ends its process ends this one. Throws BadOrder, and
/// std::exception when this process has trouble of its own.
[[nodiscard]] int bench_step(const BenchStep& work, bool json, Report& report);

}  // namespace stepd::workshop
