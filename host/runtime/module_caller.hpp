#pragma once

#include "host/engine/definition.hpp"
#include "host/plugin/plugin_registry.hpp"
#include "host/runtime/step_caller.hpp"

namespace stepd::runtime {

/// Runs the code that the loaded plugins offer.
class ModuleCaller final : public StepCaller {
 public:
  /// The registry is borrowed and outlives it.
  ModuleCaller(const plugin::PluginRegistry& plugins, const engine::Limits& limits)
      : plugins_(plugins), limits_(limits) {}

  [[nodiscard]] engine::Outcome run(const engine::CallRequest& request, plugin::CallPorts& ports,
                                    std::stop_token stop) override;
  [[nodiscard]] bool runs_here(const engine::CallRequest& request) const override;

 private:
  const plugin::PluginRegistry& plugins_;
  const engine::Limits limits_;
};

}  // namespace stepd::runtime
