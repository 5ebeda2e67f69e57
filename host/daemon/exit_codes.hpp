#pragma once

namespace stepd::daemon {

inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;  // could not run, or go on
inline constexpr int exit_usage = 2;   // wrong command line or configuration

}  // namespace stepd::daemon
