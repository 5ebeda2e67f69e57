#pragma once

#include <vector>

#include "host/engine/definition.hpp"
#include "host/engine/step_graph.hpp"
#include "host/engine/validate.hpp"

namespace stepd::engine {

/// What a job may hold and hardly means to: a step that gives up or is undone in another way than
/// it looks. Of a definition without problems; steps whose type is not known are passed over.
[[nodiscard]] std::vector<Problem> lint(const JobDefinition& job, const StepGraph& graph);

}  // namespace stepd::engine
