#pragma once

#include <string_view>

#include "tools/stepctl/command_line.hpp"

namespace CLI {
class App;
}

namespace stepd::stepctl {

inline constexpr std::string_view top_examples =
    "  stepctl top\n"
    "  stepctl top --sort cpu --interval 5s\n"
    "  stepctl top --once --output json\n";

/// The options of `stepctl top`.
void add_options(CLI::App* top, WatchStepTypes& watch);

}  // namespace stepd::stepctl
