#pragma once

namespace stepd::contained {

/// The process of a plugin, from its start to its end; does not come back. Meant for nothing but
/// the process that a ProcessContainment has started: descriptor 3 is the line to the host, 4 the
/// page it shares with it.
[[noreturn]] void module_main();

inline constexpr int host_descriptor = 3;
inline constexpr int page_descriptor = 4;

}  // namespace stepd::contained
