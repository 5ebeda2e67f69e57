#pragma once

#include <optional>

#include "host/engine/engine.hpp"
#include "host/engine/record.hpp"
#include "host/http/api.hpp"
#include "host/http/problem.hpp"

/// What verbs about one job and verbs about many share.
namespace stepd::http {

[[nodiscard]] Problem problem_of(const engine::Refused& refused);

/// An operator's output must be what the step type promises, for later steps build on it. A type
/// that no plugin offers now promises nothing.
[[nodiscard]] std::optional<Problem> output_problem(const Scope& scope,
                                                    const engine::LoadedJob& job,
                                                    const engine::Verb& verb);

}  // namespace stepd::http
