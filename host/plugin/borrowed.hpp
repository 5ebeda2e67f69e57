#pragma once

#include <stepd/plugin.h>

#include <string_view>

namespace stepd::plugin {

[[nodiscard]] inline stepd_str lend(std::string_view text) { return {text.data(), text.size()}; }

/// Whether the plugin handed over what it says: bytes, if there is a length.
[[nodiscard]] inline bool is_sound(stepd_str text) { return text.ptr != nullptr || text.len == 0; }

[[nodiscard]] inline std::string_view view(stepd_str text) {
  return text.ptr == nullptr ? std::string_view{} : std::string_view(text.ptr, text.len);
}

}  // namespace stepd::plugin
