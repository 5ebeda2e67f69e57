#pragma once

#include <string>

#include "tools/stepctl/command_tree.hpp"

/// Completion scripts, made from the command tree alone so that they cannot lag behind it. The
/// ids of jobs, plugins and step types are asked of the daemon while completing.
namespace stepd::stepctl {

[[nodiscard]] std::string bash_completion(const CommandTree& root);
[[nodiscard]] std::string zsh_completion(const CommandTree& root);
[[nodiscard]] std::string fish_completion(const CommandTree& root);

/// The command that prints the words of a kind, one a line; empty for other kinds.
[[nodiscard]] std::string words_command(WordKind kind);

}  // namespace stepd::stepctl
