#include "plugins/http/retry_after.hpp"

#include <Poco/DateTime.h>
#include <Poco/DateTimeParser.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace http {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds wait_max = 24h * 30;

[[nodiscard]] std::optional<std::chrono::milliseconds> seconds_in(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) return {};
  std::int64_t seconds = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{}) return wait_max;
  return std::chrono::seconds{std::min<std::int64_t>(seconds, wait_max / 1s)};
}

/// Each of the three forms has a mark the others lack; a parser would take one for another.
[[nodiscard]] const char* form_of(const std::string& date) {
  if (date.find('-') != std::string::npos) return "%W, %e-%b-%y %H:%M:%S %Z";
  if (date.find(',') != std::string::npos) return "%w, %e %b %Y %H:%M:%S %Z";
  return "%w %b %f %H:%M:%S %Y";
}

[[nodiscard]] std::optional<Instant> date_in(const std::string& text) {
  // The parser alone takes any word for a date; all three forms have a time of day.
  if (std::count(text.begin(), text.end(), ':') != 2) return std::nullopt;
  Poco::DateTime date;
  int zone = 0;
  if (!Poco::DateTimeParser::tryParse(form_of(text), text, date, zone)) return std::nullopt;
  date.makeUTC(zone);
  return Instant{std::chrono::milliseconds{date.timestamp().epochMicroseconds() / 1000}};
}

}  // namespace

std::optional<std::chrono::milliseconds> retry_after(const std::string& header, Instant now) {
  if (const auto seconds = seconds_in(header)) return *seconds;
  if (const auto date = date_in(header)) return std::clamp(*date - now, 0ms, wait_max);
  return std::nullopt;
}

}  // namespace http
