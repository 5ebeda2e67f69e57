#pragma once

#include <string>
#include <string_view>

#include "host/engine/id.hpp"
#include "host/engine/time.hpp"

namespace stepd::http {

/// RFC 3339, in UTC, with microseconds: "2024-05-01T12:00:00.000000Z".
[[nodiscard]] std::string to_text(engine::TimePoint time);

/// In the largest unit that leaves no remainder: "200ms", "5s", "90m", "2h", "7d".
[[nodiscard]] std::string to_text(engine::Duration span);

/// As a field's value in a log line: in quotes, on one line.
[[nodiscard]] std::string in_quotes(std::string_view text);

/// 16 hexadecimal digits.
[[nodiscard]] std::string to_text(engine::ModuleHash hash);

}  // namespace stepd::http
