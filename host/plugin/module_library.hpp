#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <variant>

#include "host/plugin/plugin_description.hpp"

namespace stepd::plugin {

/// A module that is mapped into this process and has described itself.
struct ModuleLibrary {
  // Owned by the registry and by whoever it lent the module to. Letting go of it unmaps nothing:
  // a C++ library cannot be unloaded safely, so modules stay for as long as the process lives.
  std::shared_ptr<void> handle;
  const stepd_plugin* plugin = nullptr;
  PluginDescription description;
};

/// Loads a module and has it describe itself, which runs its code: whatever is wrong with that code
/// happens to this process. Any thread.
[[nodiscard]] std::variant<ModuleLibrary, BadDescription> open_module(
    const std::filesystem::path& module);

}  // namespace stepd::plugin
