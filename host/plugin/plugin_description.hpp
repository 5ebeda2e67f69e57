#pragma once

#include <stepd/plugin.h>

#include <string>
#include <variant>
#include <vector>

#include "host/plugin/step_module.hpp"

namespace stepd::plugin {

/// What a loaded plugin says of itself, checked and copied. The host fills in the module's hash
/// and the configuration.
struct PluginDescription {
  std::string id;
  std::string version;
  std::string sdk;
  std::vector<StepModule> steps;
};

/// What is wrong with a description, to be read after the file's name.
struct BadDescription {
  std::string fact;
};

/// Checks all a plugin returned, field by field, and believes no size, pointer, number or text.
[[nodiscard]] std::variant<PluginDescription, BadDescription> describe(const stepd_plugin* plugin);

}  // namespace stepd::plugin
