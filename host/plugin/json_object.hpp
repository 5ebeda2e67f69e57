#pragma once

#include <cstddef>
#include <string_view>

#include "host/engine/json_check.hpp"

namespace stepd::plugin {

/// Whether a text is JSON that can be kept as it is, and an object.
[[nodiscard]] inline bool is_json_object(std::string_view text, std::size_t depth_max) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{' &&
         !engine::find_fault(text, depth_max);
}

}  // namespace stepd::plugin
