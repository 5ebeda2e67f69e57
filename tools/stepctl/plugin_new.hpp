#pragma once

#include "tools/stepctl/commands.hpp"

namespace stepd::stepctl {

/// Writes a project of a plugin into a new folder of its name.
[[nodiscard]] ExitCode write_project(const NewPlugin& plugin, bool json, Output& output);

}  // namespace stepd::stepctl
