#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace stepd::plugin {

/// A build of a plugin, as a lock names it.
struct LockedBuild {
  std::string_view id;      // "demo.bank"
  std::string_view sha256;  // of the file, in 64 lower-case hexadecimal digits
};

/// Reads plugins.lock and looks for a line `id sha256:…` of this build; several lines of one id are
/// several builds of it. Nothing: it is there. Else why the build may not be loaded, to be read
/// after the name of its file, and the cure. A lock with a bad line allows nothing.
[[nodiscard]] std::optional<std::string> locked_out(const std::filesystem::path& lock,
                                                    const LockedBuild& build);

}  // namespace stepd::plugin
