#pragma once

#include <stepd/plugin.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "host/engine/catalogue.hpp"

namespace stepd::plugin {

/// A plugin's configuration as its calls read it: strings bare, everything else as JSON.
using PluginConfiguration = std::map<std::string, std::string, std::less<>>;

class ContainedModule;
class StepConduct;

/// One step type and the code behind it. Code in this process stays loaded for as long as that
/// lives.
struct StepModule {
  using Callback = stepd_outcome (*)(void* self, stepd_context* context);

  engine::StepType type;
  void* self = nullptr;
  Callback execute = nullptr;
  Callback compensate = nullptr;  // absent: a plain step
  Callback probe = nullptr;       // absent: it offers none
  // Owned by all step modules of one plugin alike; absent: nothing is configured.
  std::shared_ptr<const PluginConfiguration> configuration;
  // The code lies in a process of its own, and there are no callbacks here; absent: it lies here.
  // Owned by all step modules of one plugin alike.
  std::shared_ptr<ContainedModule> contained;
  // Shared with copies of this; absent where nobody asks how calls end.
  std::shared_ptr<StepConduct> conduct;
};

}  // namespace stepd::plugin
