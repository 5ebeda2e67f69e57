#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <stepd/json_schema.hpp>
#include <string>
#include <vector>

namespace {

enum class Size { small, large };
BOOST_DESCRIBE_ENUM(Size, small, large)

struct Greeting {
  std::string name;
  std::int64_t times = 1;
};
BOOST_DESCRIBE_STRUCT(Greeting, (), (name, times))

struct Tree {
  std::string name;
  std::vector<Tree> branches;
};
BOOST_DESCRIBE_STRUCT(Tree, (), (name, branches))

template <class T>
boost::json::value schema_of(const stepd::detail::Defaults& defaults = {}) {
  return boost::json::parse(stepd::detail::schema_text<T>(defaults));
}

boost::json::value json(const char* text) { return boost::json::parse(text); }

}  // namespace

TEST_CASE("every member is required and no other is allowed") {
  CHECK(schema_of<Greeting>() == json(R"({
    "type": "object",
    "properties": {"name": {"type": "string"}, "times": {"type": "integer"}},
    "required": ["name", "times"],
    "additionalProperties": false})"));
}

TEST_CASE("a member with a declared default is not required and shows it") {
  stepd::detail::Defaults defaults;
  defaults.declare(&Greeting::times, std::int64_t{1});

  const auto schema = schema_of<Greeting>(defaults);

  CHECK(schema.at("required") == json(R"(["name"])"));
  CHECK(schema.at("properties").at("times") == json(R"({"type": "integer", "default": 1})"));
}

TEST_CASE("each C++ type has its JSON Schema") {
  CHECK(schema_of<bool>() == json(R"({"type":"boolean"})"));
  CHECK(schema_of<double>() == json(R"({"type":"number"})"));
  CHECK(schema_of<std::int8_t>() == json(R"({"type":"integer","minimum":-128,"maximum":127})"));
  CHECK(schema_of<std::uint64_t>() == json(R"({"type":"integer","minimum":0})"));
  CHECK(schema_of<Size>() == json(R"({"type":"string","enum":["small","large"]})"));
  CHECK(schema_of<std::vector<bool>>() == json(R"({"type":"array","items":{"type":"boolean"}})"));
  CHECK(schema_of<std::map<std::string, double>>() ==
        json(R"({"type":"object","additionalProperties":{"type":"number"}})"));
  CHECK(schema_of<std::chrono::seconds>().at("type") == "string");
  CHECK(schema_of<std::chrono::seconds>().at("format") == "stepd-duration");
  CHECK(schema_of<boost::json::value>() == json("{}"));
}

TEST_CASE("an optional type also takes null") {
  CHECK(schema_of<std::optional<std::string>>() == json(R"({"type":["string","null"]})"));
  CHECK(schema_of<std::optional<Size>>() ==
        json(R"({"type":["string","null"],"enum":["small","large",null]})"));
}

TEST_CASE("a text with a declared format shows it") {
  stepd::detail::Formats formats;
  formats.declare(&Greeting::name, "http-url");

  const auto schema = boost::json::parse(stepd::detail::schema_text<Greeting>({}, formats));

  CHECK(schema.at("properties").at("name") == json(R"({"type":"string","format":"http-url"})"));
}

TEST_CASE("a struct inside itself is anything the second time") {
  const auto schema = schema_of<Tree>();

  CHECK(schema.at_pointer("/properties/branches/items") == json("{}"));
}
