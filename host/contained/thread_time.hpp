#pragma once

#include <sys/types.h>

#include <optional>

#include "host/engine/time.hpp"

namespace stepd::contained {

/// What a thread of another process has had of a processor, as /proc tells it, in steps of 10 ms
/// mostly. Nothing: there is no such thread.
[[nodiscard]] std::optional<engine::Duration> cpu_of_thread(pid_t process, pid_t thread);

}  // namespace stepd::contained
