#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

/// Durations as the job file writes them: a whole number and a unit, "200ms", "30s", "5m", "2h",
/// "7d".
namespace stepd::detail {

struct DurationUnit {
  std::string_view name;
  std::int64_t microseconds;
};
inline constexpr std::array<DurationUnit, 6> duration_units{{{"d", 86'400'000'000},
                                                             {"h", 3'600'000'000},
                                                             {"m", 60'000'000},
                                                             {"s", 1'000'000},
                                                             {"ms", 1'000},
                                                             {"us", 1}}};

/// Nothing when the text is no duration or beyond what 64 bits of microseconds hold.
[[nodiscard]] inline std::optional<std::chrono::microseconds> duration_from(std::string_view text) {
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc{} || count < 0) return std::nullopt;
  const std::string_view name(rest, static_cast<std::size_t>(end - rest));
  for (const auto& unit : duration_units) {
    if (unit.name != name) continue;
    if (count > std::numeric_limits<std::int64_t>::max() / unit.microseconds) return std::nullopt;
    return std::chrono::microseconds(count * unit.microseconds);
  }
  return std::nullopt;
}

/// In the largest unit that loses nothing.
[[nodiscard]] inline std::string duration_text(std::chrono::microseconds duration) {
  if (duration.count() == 0) return "0s";
  for (const auto& unit : duration_units) {
    if (duration.count() % unit.microseconds != 0) continue;
    return std::to_string(duration.count() / unit.microseconds) + std::string(unit.name);
  }
  return {};
}

}  // namespace stepd::detail
