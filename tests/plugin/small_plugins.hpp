#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "host/plugin/plugin_registry.hpp"
#include "tests/support/temporary_folder.hpp"

namespace stepd::plugin {

/// One of the small plugins that are built for these tests, by its name.
inline std::filesystem::path small_plugin(const std::string& name) {
  return std::filesystem::path(STEPD_TEST_MODULES) / (name + ".so");
}

inline ProbeCommand test_probe() { return {.command = {STEPD_TEST_PROBE, "--probe-plugin"}}; }

inline std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

inline void write_file(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream stream(file, std::ios::binary | std::ios::trunc);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// A plugins folder, and a registry that keeps its modules beside it.
struct PluginsAtHand {
  support::TemporaryFolder root{};
  std::filesystem::path folder = root.path() / "plugins";
  RegistrySettings settings{.modules = root.path() / "modules",
                            .probe = test_probe(),
                            .configuration = {},
                            .host_version = "0.1.0",
                            .log = {}};

  PluginsAtHand() { std::filesystem::create_directories(folder); }

  /// The modules that builds are loaded from.
  [[nodiscard]] std::size_t copies() const {
    std::size_t count = 0;
    for (const auto& each : std::filesystem::directory_iterator(settings.modules)) {
      if (each.path().extension() == ".so") ++count;
    }
    return count;
  }

  std::filesystem::path put(const std::string& plugin, const std::string& as = {}) const {
    const auto file = folder / ((as.empty() ? plugin : as) + ".so");
    std::filesystem::copy_file(small_plugin(plugin), file,
                               std::filesystem::copy_options::overwrite_existing);
    return file;
  }
};

}  // namespace stepd::plugin
