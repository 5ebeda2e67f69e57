#include "tools/stepctl/plugin_new.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/plugin_template.hpp"
#include "tools/stepctl/problem.hpp"

namespace stepd::stepctl {
namespace {

constexpr std::string_view name_in_template = "my_plugin";
constexpr std::size_t name_bytes_max = 40;

/// Targets that CMake keeps for itself.
constexpr std::array<std::string_view, 8> taken{"all",     "clean",      "help", "install",
                                                "package", "edit_cache", "test", "validate"};

/// It becomes the name of a file, a CMake target and the first word of step types. Empty: it can.
std::string trouble_with_name(const std::string& name) {
  const auto is_small = [](char byte) { return byte >= 'a' && byte <= 'z'; };
  const auto fits = [&](char byte) {
    return is_small(byte) || (byte >= '0' && byte <= '9') || byte == '_';
  };
  const bool is_word = !name.empty() && is_small(name.front()) && std::ranges::all_of(name, fits);
  if (!is_word || name.size() > name_bytes_max) {
    return "a plugin's name is a word of up to 40 small letters, digits and _, such as bank or "
           "long_request, and " +
           name + " is none";
  }
  if (std::ranges::find(taken, name) == taken.end()) return {};
  return name + " is a name that CMake keeps for itself; take another one, such as " + name +
         "_steps";
}

std::string with_name(std::string_view text, const std::string& name) {
  std::string changed(text);
  for (auto at = changed.find(name_in_template); at != changed.npos;
       at = changed.find(name_in_template, at + name.size())) {
    changed.replace(at, name_in_template.size(), name);
  }
  return changed;
}

std::string next_commands(const std::string& name) {
  return "  cd " + name +
         "\n  cmake -S . -B build && cmake --build build\n"
         "  ctest --test-dir build --output-on-failure\n";
}

}  // namespace

ExitCode write_project(const NewPlugin& plugin, bool json, Output& output) {
  if (const auto trouble = trouble_with_name(plugin.name); !trouble.empty()) {
    output.say(error_line(trouble, output.err()));
    return ExitCode::usage;
  }
  const std::filesystem::path folder = plugin.name;
  std::error_code unknown;
  const bool is_there = std::filesystem::exists(folder, unknown);
  if (is_there && !std::filesystem::is_empty(folder, unknown)) {
    output.say(error_line(plugin.name + " is there already, and is no empty folder; take another "
                                        "name, or remove it",
                          output.err()));
    return ExitCode::refused;
  }
  std::filesystem::create_directory(folder);
  json::array files;
  for (const TemplateFile& file : plugin_template(plugin.saga)) {
    const auto path = folder / with_name(file.path, plugin.name);
    std::ofstream stream(path, std::ios::binary);
    stream << with_name(file.text, plugin.name) << std::flush;
    if (!stream) {
      output.say(error_line("cannot write " + path.string() + "; is the disk full?", output.err()));
      return ExitCode::refused;
    }
    files.emplace_back(path.string());
  }
  if (json) {
    const json::object written{{"folder", plugin.name}, {"files", std::move(files)}};
    output.print(json::serialize(written) + "\n");
  } else {
    for (const json::value& file : files) output.print(std::string(file.as_string()) + "\n");
    output.note("go on with:\n" + next_commands(plugin.name));
  }
  return ExitCode::done;
}

ExitCode run(const Session& session, const NewPlugin& command) {
  return write_project(command, session.json, session.output);
}

}  // namespace stepd::stepctl
