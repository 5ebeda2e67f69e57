#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stepd::engine {

/// The unescaped tokens of a JSON pointer (RFC 6901); absent when the text is none.
[[nodiscard]] std::optional<std::vector<std::string>> pointer_tokens(std::string_view pointer);

/// A pointer one token longer.
[[nodiscard]] std::string pointer_to(std::string_view parent, std::string_view key);
[[nodiscard]] std::string pointer_to(std::string_view parent, std::size_t index);

/// The place in an array that a token names (RFC 6901: no sign, no leading zero).
[[nodiscard]] std::optional<std::size_t> array_index(std::string_view token);

}  // namespace stepd::engine
