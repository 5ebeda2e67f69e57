#pragma once

#include <time.h>

#include <optional>

#include "host/engine/time.hpp"

namespace stepd::plugin {

/// What this thread has had of a processor since it began.
[[nodiscard]] engine::Duration cpu_of_this_thread() noexcept;

/// The same by a clock of another thread of this process; nothing when there is no such thread.
[[nodiscard]] std::optional<engine::Duration> cpu_of(clockid_t clock) noexcept;

}  // namespace stepd::plugin
