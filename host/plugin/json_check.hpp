#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace stepd::plugin {

/// Why a text is not one JSON value in UTF-8 that others can read back (RFC 8259); nothing when it
/// is. Keeps nothing of the value. A number that no double holds is refused.
[[nodiscard]] std::optional<std::string> json_problem(std::string_view text, std::size_t depth_max);

/// Whether it is such a text and an object.
[[nodiscard]] bool is_json_object(std::string_view text, std::size_t depth_max);

}  // namespace stepd::plugin
