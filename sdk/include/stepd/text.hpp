#pragma once

#include <stepd/plugin.h>

#include <string_view>

namespace stepd {

/// What the other side of the boundary lent, for as long as it lent it.
[[nodiscard]] inline std::string_view text_of(stepd_str text) noexcept {
  return text.ptr == nullptr ? std::string_view{} : std::string_view(text.ptr, text.len);
}

/// Lends text to the other side; the characters must outlive the loan.
[[nodiscard]] inline stepd_str borrowed(std::string_view text) noexcept {
  return {text.data(), text.size()};
}

}  // namespace stepd
