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

/// The engine has not heard yet that the build was let go.
engine::Outcome not_there(const engine::CallRequest& request) {
  engine::Outcome outcome;
  outcome.kind = engine::OutcomeKind::not_started;
  outcome.error = {.code = "module_gone",
                   .message = "the build of step type " + request.type +
                              " that was to run is not loaded any more",
                   .details = {}};
  outcome.retry_after = std::chrono::milliseconds(100);
  return outcome;
}

}  // namespace

engine::Outcome ModuleCaller::run(const engine::CallRequest& request, plugin::CallPorts& ports,
                                  std::stop_token stop) {
  const auto step = plugins_.find(request.type, request.module);
  if (!step) return not_there(request);
  const std::stop_token asked = stop;
  try {
    auto outcome = step->contained
                       ? step->contained->run(request, ports, std::move(stop))
                       : plugin::run_call(*step, request, ports, std::move(stop), limits_);
    // A rehearsal names no build, and what a call answers when it is to stop says little of it.
    const bool tells = request.phase == engine::Phase::execute &&
                       request.module != engine::ModuleHash{} && !asked.stop_requested();
    if (tells) plugins_.ended(*step, outcome);
    return outcome;
  } catch (const std::exception& error) {
    // The host's own trouble (no memory, no descriptors), not the plugin's.
    return may_work_later("host_trouble",
                          std::string("the host could not run the call: ") + error.what());
  }
}

bool ModuleCaller::runs_here(const engine::CallRequest& request) const {
  const auto step = plugins_.find(request.type, request.module);
  return step && !step->contained;
}

}  // namespace stepd::runtime
