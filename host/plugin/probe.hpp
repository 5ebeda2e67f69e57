#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace stepd::plugin {

/// How a module is tried in a process of its own before it is loaded into this one.
struct ProbeCommand {
  // Program and first arguments; the module's path is added. The program hands that path to
  // probe_main and returns what it returns. The daemon names itself: /proc/self/exe.
  std::vector<std::string> command;
  std::chrono::milliseconds time_limit = std::chrono::seconds(20);
};

/// Loads the module in a child process: a constructor that crashes, hangs or exits does so there.
/// Nothing: it loads and describes itself. Else what is wrong, to be read after the file's name.
/// Throws std::system_error when no child can be started. The calling thread must live until this
/// returns, for the child dies with it.
[[nodiscard]] std::optional<std::string> probe(const ProbeCommand& how,
                                               const std::filesystem::path& module);

/// The child's side; does not come back. Meant for nothing but the process that `probe` started.
[[noreturn]] void probe_main(const std::filesystem::path& module);

}  // namespace stepd::plugin
