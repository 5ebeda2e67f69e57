#pragma once

#include "tools/stepctl/json_text.hpp"

namespace stepd::stepctl {

/// Arguments that fit a JSON Schema, to be filled in by a person: what is required with its
/// default, first choice or an empty value of its type, what is optional only with its default.
[[nodiscard]] json::value example_args(const json::object& schema);

}  // namespace stepd::stepctl
