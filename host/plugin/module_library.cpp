#include "host/plugin/module_library.hpp"

#include <dlfcn.h>

#include <boost/dll/shared_library.hpp>

namespace stepd::plugin {
namespace {

namespace load_mode = boost::dll::load_mode;

constexpr const char* entry_symbol = "stepd_plugin_v1";

// Boost.DLL knows no name for "never unmap" and hands the bits on to dlopen.
const auto mode =
    static_cast<load_mode::type>(static_cast<int>(load_mode::rtld_now) |
                                 static_cast<int>(load_mode::rtld_local) | RTLD_NODELETE);

/// The loader's own words; they stand in the middle of Boost.DLL's, behind the module's path.
std::string loader_words(const std::filesystem::path& module, std::string words) {
  constexpr std::string_view before = "dlerror system message: ";
  const auto begin = words.find(before);
  const auto end = words.rfind("): ");
  if (begin == std::string::npos || end == std::string::npos || end < begin) return words;
  words = words.substr(begin + before.size(), end - begin - before.size());
  const std::string path = module.string() + ": ";
  return words.starts_with(path) ? words.substr(path.size()) : words;
}

}  // namespace

std::variant<ModuleLibrary, BadDescription> open_module(const std::filesystem::path& module) {
  std::shared_ptr<boost::dll::shared_library> library;
  try {
    library = std::make_shared<boost::dll::shared_library>(module, mode);
  } catch (const boost::dll::fs::system_error& error) {
    // Only what() holds the loader's own words; the error code is always the same.
    return BadDescription{"cannot be loaded: " + loader_words(module, error.what())};
  }
  if (!library->has(entry_symbol)) {
    return BadDescription{"does not export stepd_plugin_v1"};
  }
  const auto describe_itself = library->get<const stepd_plugin*()>(entry_symbol);
  const stepd_plugin* plugin = describe_itself();
  auto described = describe(plugin);
  if (const auto* bad = std::get_if<BadDescription>(&described)) return BadDescription{bad->fact};
  return ModuleLibrary{library, plugin, std::get<PluginDescription>(std::move(described))};
}

}  // namespace stepd::plugin
