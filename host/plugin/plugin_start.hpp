#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "host/engine/id.hpp"

/// The init of a plugin, which may hang and may bring the process down. One that brings the process
/// down is known by a file beside its module: `.starting` while it runs, `.crashed` once the next
/// process has learnt that the one before died of it.
namespace stepd::plugin {

/// What the mark of a dying process names when it died in an init; no job is numbered so.
inline constexpr engine::CallId start_of_plugin{.job = {0}, .number = 1};

/// Once per process, before any plugin starts. `crashed`: the process before died in an init; else
/// what it left unfinished says nothing of the plugin. Throws std::filesystem::filesystem_error.
void settle_unfinished_starts(const std::filesystem::path& modules, bool crashed);

/// The file that says that this build has brought a process down; it is tried again without it.
[[nodiscard]] std::filesystem::path crashed_file_of(std::filesystem::path module);

/// Runs `init` on a thread of its own and passes on what it answers; nothing when it takes longer
/// than `limit`: then it goes on, and whatever it uses must live as long as it does. Throws
/// std::system_error when there is no thread to be had.
[[nodiscard]] std::optional<std::string> run_init(const std::filesystem::path& module,
                                                  std::chrono::milliseconds limit,
                                                  std::function<std::string()> init);

}  // namespace stepd::plugin
