#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <stepd/json_reader.hpp>
#include <stepd/json_writer.hpp>
#include <string>
#include <vector>

namespace {

using stepd::detail::json_text_of;
using stepd::detail::JsonReader;

enum class Color { red, green };
BOOST_DESCRIBE_ENUM(Color, red, green)

struct Line {
  std::string article;
  std::uint8_t count = 0;
  friend bool operator==(const Line&, const Line&) = default;
};
BOOST_DESCRIBE_STRUCT(Line, (), (article, count))

struct Base {
  std::int64_t number = 0;
  friend bool operator==(const Base&, const Base&) = default;
};
BOOST_DESCRIBE_STRUCT(Base, (), (number))

struct Order : Base {
  bool express = false;
  double weight = 0;
  std::optional<std::string> memo;
  Color color = Color::red;
  std::vector<Line> lines;
  std::map<std::string, std::int32_t> tags;
  std::vector<bool> flags;
  std::chrono::milliseconds patience{};
  boost::json::value extra;
  friend bool operator==(const Order&, const Order&) = default;
};
BOOST_DESCRIBE_STRUCT(Order, (Base),
                      (express, weight, memo, color, lines, tags, flags, patience, extra))

template <class T>
T strictly_read(const std::string& text) {
  static const stepd::detail::Defaults none;
  return JsonReader(stepd::detail::rules_of_arguments(none)).from_text<T>(text);
}

template <class T>
std::string complaint_about(const std::string& text) {
  try {
    static_cast<void>(strictly_read<T>(text));
  } catch (const stepd::BadValue& error) {
    return error.what();
  }
  return "none";
}

template <class T>
struct Holding {
  T it{};
};
using HoldingInt = Holding<std::int32_t>;
BOOST_DESCRIBE_STRUCT(HoldingInt, (), (it))
using HoldingUnsigned = Holding<std::uint64_t>;
BOOST_DESCRIBE_STRUCT(HoldingUnsigned, (), (it))
using HoldingFloat = Holding<float>;
BOOST_DESCRIBE_STRUCT(HoldingFloat, (), (it))
using HoldingColor = Holding<Color>;
BOOST_DESCRIBE_STRUCT(HoldingColor, (), (it))
using HoldingSpan = Holding<std::chrono::seconds>;
BOOST_DESCRIBE_STRUCT(HoldingSpan, (), (it))
using HoldingLines = Holding<std::vector<Line>>;
BOOST_DESCRIBE_STRUCT(HoldingLines, (), (it))
using HoldingTags = Holding<std::map<std::string, bool>>;
BOOST_DESCRIBE_STRUCT(HoldingTags, (), (it))
using HoldingText = Holding<std::string>;
BOOST_DESCRIBE_STRUCT(HoldingText, (), (it))
using HoldingFlag = Holding<bool>;
BOOST_DESCRIBE_STRUCT(HoldingFlag, (), (it))

}  // namespace

TEST_CASE("a described struct with members of every kind is read as it was written") {
  Order order;
  order.number = -7;
  order.express = true;
  order.weight = 1.5;
  order.memo = "fragile \"glass\"";
  order.color = Color::green;
  order.lines = {{"cup", 200}, {"plate", 3}};
  order.tags = {{"a", 1}, {"b/c", 2}};
  order.flags = {true, false, true};
  order.patience = std::chrono::milliseconds(1500);
  order.extra = {{"any", {1, 2, "three"}}};

  const auto text = json_text_of(order);

  CHECK(strictly_read<Order>(text) == order);
  CHECK(text.find(R"("patience":"1500ms")") != std::string::npos);
  CHECK(text.find(R"("color":"green")") != std::string::npos);
}

TEST_CASE("an optional member may be absent or null and is written as null") {
  const std::string others =
      R"("number":1,"express":true,"weight":1,"color":"red","lines":[],"tags":{},)"
      R"("flags":[],"patience":"1s","extra":null)";

  const auto absent = strictly_read<Order>("{" + others + "}");
  const auto null = strictly_read<Order>("{" + others + R"(,"memo":null})");

  CHECK_FALSE(absent.memo);
  CHECK(absent == null);
  CHECK(json_text_of(absent).find(R"("memo":null)") != std::string::npos);
}

TEST_CASE("a value that does not fit is refused with its path and what it must be") {
  CHECK(complaint_about<HoldingInt>(R"({"it":"three"})") == "/it: must be a whole number");
  CHECK(complaint_about<HoldingInt>(R"({"it":1.5})") == "/it: must be a whole number");
  CHECK(complaint_about<HoldingInt>(R"({"it":2147483648})") ==
        "/it: must be between -2147483648 and 2147483647");
  CHECK(complaint_about<HoldingUnsigned>(R"({"it":-1})") ==
        "/it: must be between 0 and 18446744073709551615");
  CHECK(complaint_about<HoldingUnsigned>(R"({"it":1e300})") ==
        "/it: must be between 0 and 18446744073709551615");
  CHECK(complaint_about<HoldingFloat>(R"({"it":true})") == "/it: must be a number");
  CHECK(complaint_about<HoldingFloat>(R"({"it":1e300})") == "/it: is too large a number");
  CHECK(complaint_about<HoldingText>(R"({"it":7})") == "/it: must be a string");
  CHECK(complaint_about<HoldingFlag>(R"({"it":1})") == "/it: must be true or false");
  CHECK(complaint_about<HoldingColor>(R"({"it":"blue"})") == "/it: must be one of red, green");
  CHECK(complaint_about<HoldingColor>(R"({"it":0})") == "/it: must be one of red, green");
  CHECK(complaint_about<HoldingSpan>(R"({"it":"3 weeks"})") ==
        "/it: must be a duration such as 200ms, 30s, 5m or 2h");
  CHECK(complaint_about<HoldingSpan>(R"({"it":"200ms"})") ==
        "/it: is finer than this step can tell");
  CHECK(complaint_about<HoldingLines>(R"({"it":{}})") == "/it: must be an array");
  CHECK(complaint_about<HoldingTags>(R"({"it":[]})") == "/it: must be an object");
}

TEST_CASE("the path of a complaint is a JSON pointer through lists and maps") {
  CHECK(complaint_about<HoldingLines>(
            R"({"it":[{"article":"cup","count":1},{"article":"cup","count":256}]})") ==
        "/it/1/count: must be between 0 and 255");
  CHECK(complaint_about<HoldingTags>(R"({"it":{"a/b~c":1}})") ==
        "/it/a~1b~0c: must be true or false");
}

TEST_CASE("a missing member and an unknown one are refused by name") {
  CHECK(complaint_about<Line>(R"({"count":1})") == "/article: is required");
  CHECK(complaint_about<Line>(R"({"article":"cup","count":1,"cuont":2})") ==
        "/cuont: is unknown; expected are article, count");
  CHECK(complaint_about<stepd::Nothing>(R"({"x":1})") ==
        "/x: is unknown; no member is expected here");
}

TEST_CASE("a document that is no object or no JSON is refused as a whole") {
  CHECK(complaint_about<Line>("[]") == "the document: must be an object");
  CHECK(complaint_about<Line>("{").rfind("the document: is no JSON: ", 0) == 0);
}

TEST_CASE("a number with a whole value is a whole number however it is written") {
  CHECK(strictly_read<HoldingInt>(R"({"it":5.0})").it == 5);
  CHECK(strictly_read<HoldingInt>(R"({"it":5e2})").it == 500);
  CHECK(strictly_read<HoldingUnsigned>(R"({"it":18446744073709551615})").it ==
        std::numeric_limits<std::uint64_t>::max());
}

TEST_CASE("a record of an earlier build may lack members and have others") {
  const JsonReader reader(stepd::detail::rules_of_own_record);

  const auto line = reader.from_text<Line>(R"({"article":"cup","colour":"blue"})");

  CHECK(line == Line{"cup", 0});
}

TEST_CASE("a number that is not finite is not written") {
  HoldingFloat holding{std::numeric_limits<float>::infinity()};

  CHECK_THROWS_WITH(json_text_of(holding), "/it: must be a finite number");
}

TEST_CASE("a declared default stands in for an absent member wherever its struct is used") {
  stepd::detail::Defaults defaults;
  defaults.declare(&Line::count, std::uint8_t{12});
  const JsonReader reader(stepd::detail::rules_of_arguments(defaults));

  const auto lines = reader.from_text<HoldingLines>(R"({"it":[{"article":"egg"}]})");

  CHECK(lines.it.at(0) == Line{"egg", 12});
}
