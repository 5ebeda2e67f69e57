#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stepd::stepctl {

/// What a word of a command line stands for, so that a shell can offer some.
enum class WordKind : std::uint8_t { free, file, choice, job, step_type, plugin };

struct FlagNode {
  std::vector<std::string> names;  // "--output", "-h"
  std::string description;
  bool takes_value = false;
  WordKind value = WordKind::free;
  std::vector<std::string> choices;
};

struct PlaceNode {
  std::string name;  // "ID"
  WordKind value = WordKind::free;
  std::vector<std::string> choices;
};

/// A command with its flags, the words that follow it, and the commands below it.
struct CommandTree {
  std::string name;
  std::string description;
  std::vector<FlagNode> flags;
  std::vector<PlaceNode> places;
  std::vector<CommandTree> children;
};

}  // namespace stepd::stepctl
