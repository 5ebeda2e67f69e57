#pragma once

#include <optional>
#include <string>

#include "host/engine/catalogue.hpp"
#include "host/plugin/plugin_description.hpp"
#include "host/workshop/report.hpp"

namespace stepd::workshop {

/// The type of this name; nothing, and it is said which there are.
[[nodiscard]] const engine::StepType* type_named(const plugin::PluginDescription& description,
                                                 const std::string& name, const std::string& file,
                                                 Report& report);

/// The arguments with their defaults, as a host would hand them over; nothing, and it is said why,
/// when it would refuse them. The text is JSON.
[[nodiscard]] std::optional<engine::JsonText> completed(const engine::StepType& type,
                                                        const std::string& text, Report& report);

}  // namespace stepd::workshop
