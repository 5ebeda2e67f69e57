#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace stepd::plugin {

/// How many bytes from the start are well-formed UTF-8 (RFC 3629); all of them in good text.
[[nodiscard]] std::size_t utf8_prefix(std::string_view text);

/// A plugin's words for people, fit to be stored: what is not UTF-8 becomes U+FFFD, and what is
/// beyond the limit is cut off behind a whole character and marked with "…".
[[nodiscard]] std::string readable(std::string_view text, std::size_t bytes_max);

}  // namespace stepd::plugin
