#pragma once

#include <stepd/plugin.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/engine/time.hpp"
#include "host/plugin/module_folder.hpp"
#include "host/plugin/plugin_file.hpp"
#include "host/plugin/plugin_init.hpp"
#include "host/plugin/plugin_line.hpp"
#include "host/plugin/plugin_trust.hpp"
#include "host/plugin/step_module.hpp"

namespace stepd::plugin {

/// A file that was judged good. Nothing of it has run.
struct Candidate {
  std::filesystem::path file;
  PluginNote note;
  Module module;
  Trust trust{};
};

/// What was loaded from one module: one build of a plugin. It stays callable for as long as anybody
/// holds it; code in this process, for as long as that lives.
struct PluginBuild {
  PluginLine line;
  Module module;
  std::vector<StepModule> steps;
  std::shared_ptr<ContainedModule> contained;  // null: its code is here
  const stepd_plugin* here = nullptr;
  std::optional<HostFacts> host;  // what a plugin here was handed, which it may keep
};

/// One sentence for a person.
[[nodiscard]] inline std::string sentence(const std::filesystem::path& file, std::string_view fact,
                                          std::string_view cure) {
  return file.string() + " " + std::string(fact) + "; " + std::string(cure);
}

}  // namespace stepd::plugin
