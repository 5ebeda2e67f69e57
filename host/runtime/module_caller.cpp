#include "host/runtime/module_caller.hpp"

#include <exception>
#include <string>
#include <utility>

#include "host/plugin/containment.hpp"
#include "host/plugin/step_call.hpp"

namespace stepd::runtime {

namespace {

engine::Outcome may_work_later(std::string code, std::string message) {
  engine::Outcome outcome;
  outcome.kind = engine::OutcomeKind::retry;
  outcome.error = {.code = std::move(code), .message = std::move(message), .details = {}};
  return outcome;
}

}  // namespace

engine::Outcome ModuleCaller::run(const engine::CallRequest& request, plugin::CallPorts& ports,
                                  std::stop_token stop) {
  const auto* step = plugins_.find(request.type);
  if (!step) {
    return may_work_later("module_gone", "no loaded plugin offers step type " + request.type +
                                             "; put its plugin back (see: stepctl plugin list)");
  }
  try {
    if (step->contained) return step->contained->run(request, ports, std::move(stop));
    return plugin::run_call(*step, request, ports, std::move(stop), limits_);
  } catch (const std::exception& error) {
    // The host's own trouble (no memory, no descriptors), not the plugin's.
    return may_work_later("host_trouble",
                          std::string("the host could not run the call: ") + error.what());
  }
}

bool ModuleCaller::runs_here(const engine::CallRequest& request) const {
  const auto* step = plugins_.find(request.type);
  return step && !step->contained;
}

}  // namespace stepd::runtime
