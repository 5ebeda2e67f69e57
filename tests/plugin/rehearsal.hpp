#pragma once

#include <functional>
#include <stop_token>

#include "tests/plugin/kept_ports.hpp"

namespace stepd::plugin {

using Body = std::function<stepd_outcome(stepd_context*)>;

inline stepd_outcome run_body(void* self, stepd_context* context) {
  return (*static_cast<Body*>(self))(context);
}

/// One call of a step whose code is a lambda.
struct Rehearsal {
  KeptPorts ports{};
  engine::CallRequest request{.id = {{12345}, 1}, .step = "s", .type = "test.step"};
  std::stop_source stop{};
  engine::Limits limits{};

  engine::Outcome run(Body body) {
    StepModule step;
    step.type.name = "test.step";
    step.type.plugin = "test.plugin 1.0.0";
    step.type.module = {77};
    step.self = &body;
    step.execute = step.probe = step.compensate = run_body;
    return run_call(step, request, ports, stop.get_token(), limits);
  }
};

}  // namespace stepd::plugin
