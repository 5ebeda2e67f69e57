#include "host/http/text.hpp"

#include <catch2/catch.hpp>

#include "host/http/json_writer.hpp"

namespace stepd::http {
namespace {

using namespace std::chrono_literals;

std::string in_json(std::string_view text) {
  std::string out;
  JsonWriter(out).text(text);
  return out;
}

TEST_CASE("a time is RFC 3339 in UTC with microseconds") {
  const engine::TimePoint leap_day(std::chrono::sys_days(std::chrono::year(2024) / 2 / 29));

  CHECK(to_text(engine::TimePoint{}) == "1970-01-01T00:00:00.000000Z");
  CHECK(to_text(leap_day + 23h + 59min + 58s + 7us) == "2024-02-29T23:59:58.000007Z");
}

TEST_CASE("a span is told in the largest unit without remainder") {
  CHECK(to_text(engine::Duration(200ms)) == "200ms");
  CHECK(to_text(engine::Duration(5s)) == "5s");
  CHECK(to_text(engine::Duration(90min)) == "90m");
  CHECK(to_text(engine::Duration(2h)) == "2h");
  CHECK(to_text(engine::Duration(24h * 7)) == "7d");
  CHECK(to_text(engine::Duration(1500us)) == "1500us");
}

TEST_CASE("a module is named by 16 hexadecimal digits") {
  CHECK(to_text(engine::ModuleHash{0xABC}) == "0000000000000abc");
}

TEST_CASE("a text that is written comes back when it is read") {
  const std::string text = GENERATE(as<std::string>{}, "", "plain", "\"\\/\b\f\n\r\t\x01\x1F\x7F",
                                    "\xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80 \xEF\xBF\xBF");

  CHECK(boost::json::parse(in_json(text)).as_string() == text);
}

TEST_CASE("bytes that are no UTF-8 are written as replacement characters") {
  const std::string bytes =
      GENERATE(as<std::string>{}, "\x80", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF5\x80",
               "\xF4\x90\x80\x80", "\xC3", "\xE2\x82", "\xFF");

  const boost::json::value read = boost::json::parse(in_json("a" + bytes + "z"));

  const std::string text(read.as_string());
  CHECK(text.starts_with("a\xEF\xBF\xBD"));
  CHECK(text.ends_with("z"));
}

TEST_CASE("members and elements are parted by commas and nothing else") {
  std::string out;
  JsonWriter json(out);

  json.begin_object();
  json.member("a", "x:");
  json.member("b", 1);
  json.key("c");
  json.begin_array();
  json.text("[");
  json.begin_object();
  json.end_object();
  json.null();
  json.end_array();
  json.member("d", engine::JsonText("{\"raw\": [1.50]}"));
  json.member("e", engine::JsonText());
  json.member_or_null("f", "");
  json.member("g", true);
  json.end_object();

  CHECK(out ==
        R"({"a":"x:","b":1,"c":["[",{},null],"d":{"raw": [1.50]},"e":null,"f":null,"g":true})");
}

}  // namespace
}  // namespace stepd::http
