#pragma once

#include <optional>
#include <string_view>

#include "host/engine/time.hpp"

namespace stepd::engine {

/// No span that anybody may ask for is longer: safe to add to any instant.
inline constexpr Duration span_max = std::chrono::hours(24) * 36'525;

/// A span as people write it: a number and a unit, "200ms", "1.5s", "5m", "2h", "7d" ("us" too).
/// Absent for anything else, for a part of a microsecond, for more than six digits behind the point
/// and beyond `span_max`.
[[nodiscard]] std::optional<Duration> parse_span(std::string_view text);

}  // namespace stepd::engine
