#pragma once

#include "tools/stepctl/command_line.hpp"

namespace CLI {
class App;
}

namespace stepd::stepctl {

/// What a command that needs no daemon is called, and what its help says.
struct CommandWords {
  const char* name;
  const char* description;
  const char* examples;
};
[[nodiscard]] CommandWords words_for(const NewPlugin&);
[[nodiscard]] CommandWords words_for(const ValidatePlugin&);
[[nodiscard]] CommandWords words_for(const RunStep&);
[[nodiscard]] CommandWords words_for(const BenchStep&);

/// The options of what needs no daemon, read into the work.
void add_options(CLI::App* app, NewPlugin& plugin);
void add_options(CLI::App* app, RunStep& run);
void add_options(CLI::App* app, ValidatePlugin& validate);
void add_options(CLI::App* app, BenchStep& bench);

}  // namespace stepd::stepctl
