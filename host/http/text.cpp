#include "host/http/text.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>

#include "host/http/json_writer.hpp"

namespace stepd::http {

std::string to_text(engine::TimePoint time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
                                   int(date.year()), unsigned(date.month()), unsigned(date.day()),
                                   int(clock.hours().count()), int(clock.minutes().count()),
                                   int(clock.seconds().count()), int(clock.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

std::string in_quotes(std::string_view text) {
  std::string line;
  JsonWriter(line).text(text);
  return line;
}

std::string to_text(engine::Duration span) {
  struct Unit {
    std::int64_t microseconds;
    const char* name;
  };
  constexpr std::array units{Unit{86'400'000'000, "d"}, Unit{3'600'000'000, "h"},
                             Unit{60'000'000, "m"},     Unit{1'000'000, "s"},
                             Unit{1'000, "ms"},         Unit{1, "us"}};
  const std::int64_t count = span.count();
  if (count == 0) return "0s";
  for (const Unit& unit : units) {
    if (count % unit.microseconds == 0) {
      return std::to_string(count / unit.microseconds) + unit.name;
    }
  }
  return {};
}

std::string to_text(engine::ModuleHash hash) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(hash.value));
  return {text.data(), 16};
}

}  // namespace stepd::http
