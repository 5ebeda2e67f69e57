#pragma once

#include "tools/stepctl/commands.hpp"

namespace stepd::stepctl {

/// Has the stepd beside this program, or else on the path, do the work in place of this process,
/// which comes back only when there is no stepd to do it.
[[nodiscard]] ExitCode do_here(const WorkHere& work, bool json, Output& output);

}  // namespace stepd::stepctl
