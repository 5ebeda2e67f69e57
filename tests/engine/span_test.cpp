#include "host/engine/span.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace stepd::engine;
using namespace std::chrono_literals;

TEST_CASE("a span is a number and a unit") {
  const std::pair<std::string, Duration> rows[] = {
      {"200ms", 200ms}, {"5s", 5s},           {"1.5s", 1500ms},  {"5m", 5min},     {"2h", 2h},
      {"7d", 168h},     {"0s", 0s},           {"0.25ms", 250us}, {"1.50h", 90min}, {"007s", 7s},
      {"3us", 3us},     {"36525d", span_max}, {"0.000001s", 1us}};
  for (const auto& [text, span] : rows) {
    INFO(text);
    CHECK(parse_span(text) == span);
  }
}

TEST_CASE("what is no span or too exact or too long is refused") {
  for (const std::string text :
       {"",      "5",          "s",        "5 s",    " 5s",
        "5s ",   "-5s",        "+5s",      "5S",     "5sec",
        "1h30m", ".5s",        "5.s",      "5..s",   "1e3s",
        "0.5us", "0.0000001s", "36525.5d", "36526d", "99999999999999999999d",
        "5\0s",  "1.0000000s"}) {
    INFO(text);
    CHECK(parse_span(text) == std::nullopt);
  }
}
