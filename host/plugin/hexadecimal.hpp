#pragma once

#include <string>
#include <string_view>

namespace stepd::plugin {

/// Two digits for each byte: "7f454c46".
[[nodiscard]] inline std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    text += digits[value >> 4U];
    text += digits[value & 15U];
  }
  return text;
}

}  // namespace stepd::plugin
