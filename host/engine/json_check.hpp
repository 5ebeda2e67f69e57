#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace stepd::engine {

/// Why a text is refused as JSON, and where: `pointer` when the structure up to there is sound,
/// else empty; `line` and `column` (in bytes) count from 1.
struct JsonFault {
  std::string code{};  // "malformed_json", "too_deep", "duplicate_member", "number_out_of_range"
  std::string pointer{};
  std::string message{};
  std::size_t offset = 0;
  std::size_t line = 1;
  std::size_t column = 1;
  friend bool operator==(const JsonFault&, const JsonFault&) = default;
};

/// Refuses all that would not be kept as it was sent (J3): what is no JSON (RFC 8259) or no UTF-8,
/// nests deeper than `depth_max`, names a member twice, or holds a number that neither 64 bits nor
/// a double can hold. Takes time in proportion to the text, whatever is in it.
[[nodiscard]] std::optional<JsonFault> find_fault(std::string_view text, std::size_t depth_max);

}  // namespace stepd::engine
