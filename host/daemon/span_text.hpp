#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "host/engine/time.hpp"

namespace stepd::daemon {

/// "200ms", "5s", "5m", "2h", "7d": a whole number and a unit. Nothing for any other text.
[[nodiscard]] std::optional<engine::Duration> parse_span(std::string_view text);

/// In the largest unit that leaves no remainder.
[[nodiscard]] std::string span_text(engine::Duration span);

}  // namespace stepd::daemon
