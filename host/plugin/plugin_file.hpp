#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "host/plugin/refusal.hpp"

namespace stepd::plugin {

/// What a plugin's ELF note says; known before anything of the plugin runs.
struct PluginNote {
  std::uint32_t abi_minor_needed = 0;
  std::string id;       // "demo.bank"
  std::string version;  // "2.1.0"
  friend bool operator==(const PluginNote&, const PluginNote&) = default;
};

/// A file that may be loaded as far as can be told without running it. The bytes are the ones that
/// were judged: whatever is done with the plugin is done with them, not with the file.
struct PluginFile {
  std::filesystem::path path;
  PluginNote note;
  std::string bytes;
};

/// Reads a file and judges it: a regular file, a whole ELF shared library for this processor, a
/// note for an ABI that this stepd speaks.
[[nodiscard]] std::variant<PluginFile, Refusal> read_plugin_file(const std::filesystem::path& path);

/// The judgement alone; `path` only names the file in a refusal.
[[nodiscard]] std::variant<PluginNote, Refusal> judge(const std::filesystem::path& path,
                                                      std::string_view bytes);

/// The files of a folder that ask to be plugins, by name: "*.so", hidden ones apart. Throws
/// std::filesystem::filesystem_error when the folder cannot be read.
[[nodiscard]] std::vector<std::filesystem::path> plugin_files(const std::filesystem::path& folder);

/// Its folder is there, and the file is not: who only cannot see it does not take it away.
[[nodiscard]] bool is_gone(const std::filesystem::path& file);

/// Whether a file of this name asks to be a plugin.
[[nodiscard]] bool is_plugin_name(const std::filesystem::path& path);

}  // namespace stepd::plugin
