#pragma once

#include <variant>

#include "host/contained/wire.hpp"

namespace stepd::contained {

/// What a process says that its plugin says, checked as if the plugin itself had said it here: the
/// process has run the plugin's code, and may say anything. Its steps have no callbacks.
[[nodiscard]] std::variant<plugin::PluginDescription, plugin::BadDescription> checked_again(
    const Described& described);

}  // namespace stepd::contained
