#include "tools/stepctl/span_text.hpp"

#include <array>
#include <charconv>
#include <ctime>

namespace stepd::stepctl {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  int number = 0;
  const char* const end = text.data() + at + count;
  const auto [stop, trouble] = std::from_chars(text.data() + at, end, number);
  if (trouble != std::errc() || stop != end || number < 0) return std::nullopt;
  return number;
}

/// The fraction of a second behind "2026-03-01T12:00:00", up to and with the final Z.
std::optional<Span> fraction(std::string_view text) {
  if (text == "Z") return Span{0};
  if (text.size() < 3 || text.front() != '.' || text.back() != 'Z') return std::nullopt;
  const std::string_view decimals = text.substr(1, text.size() - 2);
  if (decimals.size() > 9) return std::nullopt;
  const std::optional<int> number = digits(decimals, 0, decimals.size());
  if (!number) return std::nullopt;
  std::int64_t nanoseconds = *number;
  for (std::size_t place = decimals.size(); place < 9; ++place) nanoseconds *= 10;
  return Span{nanoseconds / 1000};
}

/// Two units, the smaller with two places: "3m 05s".
std::string two_units(std::int64_t major, char major_unit, std::int64_t minor, char minor_unit) {
  std::string text = std::to_string(major) + major_unit;
  if (minor == 0) return text;
  return text + (minor < 10 ? " 0" : " ") + std::to_string(minor) + minor_unit;
}

/// "1.24s", "12.4s"; no zeros at the end.
std::string seconds_text(std::int64_t milliseconds_count) {
  const int places = milliseconds_count < 10'000 ? 2 : 1;
  const std::int64_t unit = places == 2 ? 10 : 100;
  const std::int64_t parts = milliseconds_count / unit;
  const std::int64_t scale = places == 2 ? 100 : 10;
  std::string decimals = std::to_string(parts % scale);
  if (places == 2 && decimals.size() == 1) decimals.insert(0, "0");
  while (!decimals.empty() && decimals.back() == '0') decimals.pop_back();
  std::string text = std::to_string(parts / scale);
  if (!decimals.empty()) text.append(".").append(decimals);
  return text + "s";
}

}  // namespace

std::optional<Instant> parse_instant(std::string_view text) {
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2);
  const auto minute = digits(text, 14, 2);
  const auto second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':') return std::nullopt;
  const std::optional<Span> rest = fraction(text.substr(19));
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!rest || !date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second) + *rest;
}

std::optional<Span> parse_span(std::string_view text) {
  using namespace std::chrono_literals;
  constexpr std::array<std::pair<std::string_view, Span>, 6> units{
      {{"us", 1us}, {"ms", 1ms}, {"s", 1s}, {"m", 1min}, {"h", 1h}, {"d", 24h}}};
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, trouble] = std::from_chars(text.data(), end, count);
  if (trouble != std::errc() || count < 0) return std::nullopt;
  for (const auto& [name, unit] : units) {
    if (std::string_view(stop, end) == name) return unit * count;
  }
  return std::nullopt;
}

std::string span_text(Span span) {
  if (span < Span{0}) return "-" + span_text(-span);
  if (span < milliseconds(1)) {
    return span.count() == 0 ? "0ms" : std::to_string(span.count()) + "us";
  }
  const std::int64_t count = std::chrono::duration_cast<milliseconds>(span).count();
  if (count < 1000) return std::to_string(count) + "ms";
  if (count < 60'000) return seconds_text(count);
  const std::int64_t seconds = count / 1000;
  if (seconds < 3600) return two_units(seconds / 60, 'm', seconds % 60, 's');
  const std::int64_t minutes = seconds / 60;
  if (minutes < 24 * 60) return two_units(minutes / 60, 'h', minutes % 60, 'm');
  const std::int64_t hours = minutes / 60;
  return two_units(hours / 24, 'd', hours % 24, 'h');
}

std::string local_text(Instant instant) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(instant).time_since_epoch();
  const auto time = static_cast<std::time_t>(seconds.count());
  std::tm parts{};
  localtime_r(&time, &parts);
  std::array<char, 64> text{};
  const std::size_t length =
      std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S %Z", &parts);
  return {text.data(), length};
}

std::string relative_text(Instant instant, std::optional<Instant> now) {
  if (!now) return local_text(instant);
  // The present comes from a header that knows whole seconds only.
  const auto seconds = std::chrono::floor<std::chrono::seconds>(instant) -
                       std::chrono::floor<std::chrono::seconds>(*now);
  if (seconds.count() == 0) return "now";
  if (seconds.count() < 0) return span_text(-seconds) + " ago";
  return "in " + span_text(seconds);
}

}  // namespace stepd::stepctl
