#pragma once

#include <string>

#include "host/plugin/step_call.hpp"

namespace stepd::plugin {

/// As the ABI tells a call of a job that its step has started.
[[nodiscard]] std::string json_of(const ChildNow& child);

}  // namespace stepd::plugin
