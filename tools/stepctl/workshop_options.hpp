#pragma once

#include "tools/stepctl/command_line.hpp"

namespace CLI {
class App;
}

namespace stepd::stepctl {

/// The options of what needs no daemon, read into the work.
void add_options(CLI::App* app, NewPlugin& plugin);
void add_options(CLI::App* app, RunStep& run);
void add_options(CLI::App* app, ValidatePlugin& validate);

}  // namespace stepd::stepctl
