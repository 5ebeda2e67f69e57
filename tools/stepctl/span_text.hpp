#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace stepd::stepctl {

using Span = std::chrono::microseconds;
using Instant = std::chrono::sys_time<Span>;

/// RFC 3339 in UTC ("2026-03-01T12:00:00.123456Z"), as the daemon writes it.
[[nodiscard]] std::optional<Instant> parse_instant(std::string_view text);

/// "200ms", "5s", "7d", as the daemon writes it.
[[nodiscard]] std::optional<Span> parse_span(std::string_view text);

/// A span for people, three digits or so: "840us", "12ms", "1.24s", "3m 05s", "2h 03m", "4d 02h".
[[nodiscard]] std::string span_text(Span span);

/// Local time for people: "2026-03-01 13:00:00 CET".
[[nodiscard]] std::string local_text(Instant instant);

/// "3m 05s ago", "in 12s", "now"; the plain local time where the present is not known.
[[nodiscard]] std::string relative_text(Instant instant, std::optional<Instant> now);

}  // namespace stepd::stepctl
