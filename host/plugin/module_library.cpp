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

}  // namespace

std::variant<ModuleLibrary, BadDescription> open_module(const std::filesystem::path& module) {
  std::shared_ptr<boost::dll::shared_library> library;
  try {
    library = std::make_shared<boost::dll::shared_library>(module, mode);
  } catch (const boost::dll::fs::system_error& error) {
    // Only what() holds the loader's own words; the error code is always the same.
    return BadDescription{std::string("cannot be loaded: ") + error.what()};
  }
  if (!library->has(entry_symbol)) {
    return BadDescription{std::string("does not export ") + entry_symbol};
  }
  const auto describe_itself = library->get<const stepd_plugin*()>(entry_symbol);
  const stepd_plugin* plugin = describe_itself();
  auto described = describe(plugin);
  if (auto* bad = std::get_if<BadDescription>(&described)) return std::move(*bad);
  return ModuleLibrary{library, plugin, std::get<PluginDescription>(std::move(described))};
}

}  // namespace stepd::plugin
