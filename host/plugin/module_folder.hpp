#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "host/engine/id.hpp"

namespace stepd::plugin {

/// A plugin's bytes as a file of the host's own, named after their SHA-256.
struct Module {
  std::filesystem::path file;
  engine::ModuleHash hash;
  std::string sha256;  // in 64 hexadecimal digits
};

/// The folder modules are loaded from. A plugin is never loaded where it lies: overwriting a mapped
/// file kills the process, and a path that is loaded already yields the old code. The folder
/// belongs to one host; one thread at a time.
class ModuleFolder final {
 public:
  /// Creates the folder, for its owner alone. Throws std::system_error.
  explicit ModuleFolder(std::filesystem::path folder);

  /// What these bytes are called here, kept or not.
  [[nodiscard]] Module module_of(std::string_view bytes) const;

  /// Writes the module of these bytes. It is whole under its name or not there at all, whatever
  /// crashes. Throws std::system_error.
  void keep(const Module& module, std::string_view bytes) const;

  /// All files there are, by name.
  [[nodiscard]] std::vector<std::filesystem::path> files() const;

  /// Removes every file but these.
  void remove_all_but(const std::set<std::filesystem::path>& kept) const;

 private:
  std::filesystem::path folder_;
};

/// The file is whole under its name, and on disk, or as it was. Throws std::system_error.
void write_whole(const std::filesystem::path& file, std::string_view bytes);

}  // namespace stepd::plugin
