#pragma once

#include <functional>
#include <map>
#include <string>

#include "tools/stepctl/command_line.hpp"

namespace CLI {
class App;
}

namespace stepd::stepctl {

/// The commands below `plugin` about whose plugins are loaded: keygen, sign and lock. `make` makes
/// one, of this name, description and examples; `commands` is what each stands for, and the parser
/// points into it.
void add_trust_commands(const std::function<CLI::App*(const std::string&, const std::string&,
                                                      const std::string&)>& make,
                        std::map<CLI::App*, Command>& commands);

}  // namespace stepd::stepctl
