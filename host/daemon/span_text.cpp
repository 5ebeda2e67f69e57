#include "host/daemon/span_text.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <system_error>

namespace stepd::daemon {

namespace {

struct Unit {
  std::string_view name;
  std::int64_t microseconds;
};
constexpr std::array<Unit, 6> units{{{"d", 86'400'000'000},
                                     {"h", 3'600'000'000},
                                     {"m", 60'000'000},
                                     {"s", 1'000'000},
                                     {"ms", 1'000},
                                     {"us", 1}}};

/// Long enough for everything, short enough that adding one to a time of this millennium is safe.
constexpr std::int64_t longest = std::int64_t{1000} * 366 * 86'400'000'000;

}  // namespace

std::optional<engine::Duration> parse_span(std::string_view text) {
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc{} || count < 0) return std::nullopt;
  const std::string_view name(rest, static_cast<std::size_t>(end - rest));
  for (const auto& unit : units) {
    if (unit.name != name) continue;
    if (count > longest / unit.microseconds) return std::nullopt;
    return engine::Duration(count * unit.microseconds);
  }
  return std::nullopt;
}

std::string span_text(engine::Duration span) {
  if (span.count() == 0) return "0s";
  for (const auto& unit : units) {
    if (span.count() % unit.microseconds != 0) continue;
    return std::to_string(span.count() / unit.microseconds) + std::string(unit.name);
  }
  return {};
}

}  // namespace stepd::daemon
