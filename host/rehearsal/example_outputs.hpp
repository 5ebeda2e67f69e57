#pragma once

#include <string>
#include <vector>

#include "host/engine/catalogue.hpp"
#include "host/engine/definition.hpp"

namespace stepd::rehearsal {

/// By step, what success of its execute might return: what its type's output schema asks for, and
/// whatever the job refers to, as the arguments it goes into would have it.
struct ExampleOutputs {
  std::vector<engine::JsonText> outputs{};
  std::vector<std::string> remarks{};  // where a made-up output does not fit its own schema
};
[[nodiscard]] ExampleOutputs example_outputs(const engine::JobDefinition& job,
                                             const engine::Catalogue& catalogue);

}  // namespace stepd::rehearsal
