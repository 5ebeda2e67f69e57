#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "host/daemon/config.hpp"

namespace stepd::daemon {

/// Run as a daemon; `restarts` counts how often the process has already begun anew by itself.
struct Run {
  Overrides overrides;
  bool check_config = false;
  std::size_t restarts = 0;
};
/// Judge one module in place of running (see plugin::probe_main).
struct Probe {
  std::filesystem::path module;
};
/// With this as its first argument the program is the process of a plugin (contained::module_main),
/// and asks nothing of a command line.
inline constexpr std::string_view plugin_process_flag = "--plugin-process";
/// Say something and end: help, the version, or what is wrong with the command line.
struct Say {
  std::string text;
  int exit_code = 0;
};
using Command = std::variant<Run, Probe, Say>;

[[nodiscard]] Command parse_command_line(int argc, const char* const* argv);

}  // namespace stepd::daemon
