#include "host/engine/span.hpp"

#include <cstdint>
#include <utility>

namespace stepd::engine {
namespace {

constexpr std::pair<std::string_view, std::int64_t> units[] = {
    {"us", 1},         {"ms", 1'000},        {"s", 1'000'000},
    {"m", 60'000'000}, {"h", 3'600'000'000}, {"d", 86'400'000'000},
};

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

/// The digits at the front.
std::string_view digits(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size() && is_digit(text[length])) ++length;
  return text.substr(0, length);
}

std::optional<std::int64_t> unit_called(std::string_view name) {
  for (const auto& [word, microseconds] : units) {
    if (word == name) return microseconds;
  }
  return std::nullopt;
}

/// `digits` of a unit before the point.
std::optional<std::int64_t> whole_part(std::string_view digits, std::int64_t unit) {
  std::int64_t count = 0;
  for (const char digit : digits) {
    count = count * 10 + (digit - '0');
    if (count > span_max.count() / unit) return std::nullopt;
  }
  return count * unit;
}

/// `digits` of a unit behind the point; absent when they come to a part of a microsecond.
std::optional<std::int64_t> fraction_part(std::string_view digits, std::int64_t unit) {
  constexpr std::size_t digits_max = 6;  // a million days fit into 64 bits
  if (digits.size() > digits_max) return std::nullopt;
  std::int64_t numerator = 0;
  std::int64_t denominator = 1;
  for (const char digit : digits) {
    numerator = numerator * 10 + (digit - '0');
    denominator *= 10;
  }
  if (numerator * unit % denominator != 0) return std::nullopt;
  return numerator * unit / denominator;
}

}  // namespace

std::optional<Duration> parse_span(std::string_view text) {
  const std::string_view before = digits(text);
  if (before.empty()) return std::nullopt;
  text.remove_prefix(before.size());
  std::string_view behind;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    behind = digits(text);
    if (behind.empty()) return std::nullopt;
    text.remove_prefix(behind.size());
  }
  const auto unit = unit_called(text);
  if (!unit) return std::nullopt;
  const auto whole = whole_part(before, *unit);
  const auto fraction = fraction_part(behind, *unit);
  if (!whole || !fraction || *whole + *fraction > span_max.count()) return std::nullopt;
  return Duration(*whole + *fraction);
}

}  // namespace stepd::engine
