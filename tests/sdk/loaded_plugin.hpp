#pragma once

#include <dlfcn.h>
#include <stepd/plugin.h>

#include <stdexcept>
#include <string>

namespace stepd::testing {

/// A plugin file in this process, for as long as it lives: a loaded plugin is never unloaded.
[[nodiscard]] inline const stepd_plugin& loaded_plugin(const std::string& file) {
  void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(::dlerror());
  using Entry = const stepd_plugin* (*)();
  const auto entry = reinterpret_cast<Entry>(::dlsym(library, "stepd_plugin_v1"));
  if (entry == nullptr) throw std::runtime_error(file + " has no stepd_plugin_v1");
  const stepd_plugin* const plugin = entry();
  if (plugin == nullptr) throw std::runtime_error(file + " does not describe itself");
  return *plugin;
}

}  // namespace stepd::testing
