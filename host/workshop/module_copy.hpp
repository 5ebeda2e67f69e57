#pragma once

#include <filesystem>
#include <string>
#include <variant>

#include "host/plugin/plugin_file.hpp"
#include "host/plugin/refusal.hpp"

namespace stepd::workshop {

/// A plugin's file as it is tried: judged without running it, and copied to a folder of its own, as
/// a daemon would. The folder goes when this does.
class ModuleCopy final {
 public:
  /// Throws std::system_error when there is no room for a copy.
  [[nodiscard]] static std::variant<ModuleCopy, plugin::Refusal> of(
      const std::filesystem::path& file);
  ~ModuleCopy();
  ModuleCopy(ModuleCopy&& other) noexcept;
  ModuleCopy& operator=(ModuleCopy&&) = delete;
  ModuleCopy(const ModuleCopy&) = delete;
  ModuleCopy& operator=(const ModuleCopy&) = delete;

  [[nodiscard]] const plugin::PluginFile& original() const { return original_; }
  /// Where it is loaded from.
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

 private:
  explicit ModuleCopy(plugin::PluginFile original);

  plugin::PluginFile original_;
  std::filesystem::path folder_;
  std::filesystem::path file_;
};

}  // namespace stepd::workshop
