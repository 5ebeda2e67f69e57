#pragma once

#include "tools/stepctl/command_line.hpp"

namespace CLI {
class App;
}

namespace stepd::stepctl {

/// The options of what needs no daemon, read into the work.
void add_options(CLI::App* app, RunStep& run);

}  // namespace stepd::stepctl
