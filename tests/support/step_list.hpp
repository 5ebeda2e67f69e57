#pragma once

#include <string>
#include <vector>

#include "host/engine/definition.hpp"

namespace stepd::testing {

/// A list of steps of these types, with the ids s0, s1, …
inline engine::JobDefinition list_of(const std::vector<std::string>& types) {
  engine::JobDefinition job{.name = "t"};
  for (engine::StepIndex index = 0; index < types.size(); ++index) {
    job.steps.push_back({.id = "s" + std::to_string(index), .type = types[index]});
    if (index != 0) job.steps.back().after = {index - 1};
  }
  return job;
}

}  // namespace stepd::testing
