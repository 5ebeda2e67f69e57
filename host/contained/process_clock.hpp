#pragma once

#include "host/engine/time.hpp"

namespace stepd::contained {

/// In the process of a plugin: what the system's clocks say.
[[nodiscard]] engine::Now process_now();

}  // namespace stepd::contained
