#include "host/engine/schema.hpp"

#include <boost/json/value.hpp>
#include <catch2/catch.hpp>

#include "host/engine/json_pointer.hpp"
#include "host/engine/json_value.hpp"

using namespace stepd::engine;

namespace {

/// "code pointer" of each problem, in order.
std::vector<std::string> problems(const std::string& schema, const std::string& text,
                                  const SchemaCheck& how = {}) {
  boost::json::value value = value_of(text);
  std::vector<std::string> found;
  for (const Problem& problem : check_and_complete(value, value_of(schema), how).problems) {
    found.push_back(problem.code + " " + problem.pointer);
  }
  return found;
}

std::string completed(const std::string& schema, const std::string& text,
                      const SchemaCheck& how = {}) {
  boost::json::value value = value_of(text);
  CHECK(check_and_complete(value, value_of(schema), how).problems.empty());
  return text_of(value);
}

std::string message(const std::string& schema, const std::string& text) {
  boost::json::value value = value_of(text);
  const auto found = check_and_complete(value, value_of(schema), {}).problems;
  return found.empty() ? "" : found.front().message;
}

struct Row {
  std::string schema;
  std::vector<std::string> fit;
  std::vector<std::string> unfit;
};

const std::vector<Row>& keyword_rows() {
  static const std::vector<Row> rows{
      {"true", {"1", "{}"}, {}},
      {"false", {}, {"1", "{}"}},
      {R"({"type":"integer"})",
       {"1", "-5", "1.0", "18446744073709551615"},
       {"1.5", "\"1\"", "null"}},
      {R"({"type":"number"})", {"1", "1.5"}, {"\"1\"", "true"}},
      {R"({"type":["string","null"]})", {"\"\"", "null"}, {"0", "[]"}},
      {R"({"format":"stepd-duration"})",
       {"\"0s\"", "\"200ms\"", "\"7d\"", "\"3us\"", "5"},
       {"\"\"", "\"5\"", "\"5 s\"", "\"1.5s\"", "\"-5s\"", "\"s\"", "\"99999999999999999999s\"",
        "\"9999999999999d\""}},
      {R"({"format":"http-url"})",
       {"\"http://a/\"", "\"http://127.0.0.1:80/x?y#z\"", "\"http://[::1]:8090/x\""},
       {"\"\"", "\"https://a/\"", "\"http://a\"", "\"http:///x\"", "\"http://:80/x\"",
        "\"http://a b/\"", "\"http://a:x/\"", "\"http://me:secret@a/\"", "\"a.example/x\""}},
      {R"({"format":"date"})", {"\"soon\""}, {}},
      {R"({"type":"boolean"})", {"true", "false"}, {"0", "null"}},
      {R"({"type":"object","properties":{"a":{"type":"string"}},"required":["a"]})",
       {R"({"a":""})", R"({"a":"","b":1})"},
       {"{}", R"({"a":1})", "[]"}},
      {R"({"additionalProperties":false,"properties":{"a":true}})",
       {"{}", R"({"a":1})", "5"},
       {R"({"b":1})"}},
      {R"({"additionalProperties":{"type":"integer"}})", {R"({"b":1})"}, {R"({"b":""})"}},
      {R"({"minProperties":1,"maxProperties":2})",
       {R"({"a":1})"},
       {"{}", R"({"a":1,"b":1,"c":1})"}},
      {R"({"items":{"type":"integer"}})", {"[]", "[1,2]", "\"x\""}, {"[1,\"2\"]"}},
      {R"({"prefixItems":[{"type":"integer"},{"type":"string"}],"items":false})",
       {"[]", "[1]", "[1,\"a\"]"},
       {"[\"a\"]", "[1,\"a\",2]"}},
      {R"({"minItems":1,"maxItems":2})", {"[1]", "[1,2]"}, {"[]", "[1,2,3]"}},
      {R"({"uniqueItems":true})",
       {"[]", "[1,2,\"1\"]", "[[1],[2]]"},
       {"[1,1.0]", "[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}]"}},
      {R"({"enum":["a",1,null]})", {"\"a\"", "1.0", "null"}, {"\"b\"", "2", "false"}},
      {R"({"const":{"a":[1]}})", {R"({"a":[1.0]})"}, {R"({"a":[2]})", "{}"}},
      {R"({"minimum":1,"maximum":3})", {"1", "3", "2.5", "\"x\""}, {"0", "0.999", "4"}},
      {R"({"exclusiveMinimum":1,"exclusiveMaximum":3})", {"2", "1.001"}, {"1", "3"}},
      {R"({"maximum":9007199254740992})", {"9007199254740992"}, {"9007199254740993"}},
      {R"({"multipleOf":0.1})", {"0.3", "1", "-0.7", "1.1"}, {"0.35", "0.05"}},
      {R"({"multipleOf":3})", {"9", "-9", "9223372036854775806"}, {"10", "9223372036854775807"}},
      {R"({"minLength":2,"maxLength":3})", {"\"ab\"", "\"äöü\"", "\"😀😀\""}, {"\"ä\"", "\"abcd\""}},
      {R"({"anyOf":[{"type":"integer"},{"type":"string","minLength":2}]})",
       {"1", "\"ab\""},
       {"\"a\"", "null"}},
      {R"({"oneOf":[{"minimum":5},{"maximum":3}]})", {"6", "2"}, {"4"}},
      {R"({"oneOf":[{"minimum":3},{"maximum":5}]})", {"6", "2"}, {"4"}},
      {R"({"allOf":[{"minimum":3},{"maximum":5}]})", {"4"}, {"6", "2"}},
      {R"({"not":{"type":"null"}})", {"1"}, {"null"}},
      {R"({"$ref":"#/$defs/n","$defs":{"n":{"type":"integer"}}})", {"1"}, {"\"\""}},
      {R"({"type":"object","properties":{"next":{"$ref":"#"}},"additionalProperties":false})",
       {R"({"next":{"next":{}}})"},
       {R"({"next":{"next":{"other":1}}})"}},
      {R"({"title":"t","description":"d","format":"email","examples":[1],"x-y":1})", {"1"}, {}},
  };
  return rows;
}

}  // namespace

TEST_CASE("each keyword lets pass what fits and refuses the rest") {
  for (const Row& row : keyword_rows()) {
    CHECK(unsupported_keywords(value_of(row.schema)).empty());
    for (const std::string& text : row.fit) {
      INFO(row.schema << " with " << text);
      CHECK(problems(row.schema, text).empty());
    }
    for (const std::string& text : row.unfit) {
      INFO(row.schema << " with " << text);
      CHECK_FALSE(problems(row.schema, text).empty());
    }
  }
}

TEST_CASE("problems stand at their pointer under the prefix") {
  const std::string schema =
      R"({"type":"object","additionalProperties":false,"required":["a","c"],
          "properties":{"a":{"items":{"type":"integer"}},"b/~":{"type":"string"},"c":true}})";
  CHECK(problems(schema, R"({"a":[1,"x"],"b/~":1,"d":0})", {.pointer = "/steps/2/args"}) ==
        std::vector<std::string>{"missing_member /steps/2/args/c", "wrong_type /steps/2/args/a/1",
                                 "wrong_type /steps/2/args/b~1~0",
                                 "unknown_member /steps/2/args/d"});
}

TEST_CASE("problems say what is expected and what is there") {
  CHECK(message(R"({"type":"integer"})", "\"7\"") == "must be a whole number, not a text");
  CHECK(message(R"({"type":["string","null"]})", "true") == "must be a text or null, not true");
  CHECK(message(R"({"minimum":1})", "-3") == "must be at least 1, not -3");
  CHECK(message(R"({"enum":["a","b"]})", "\"c\"") == "must be one of \"a\", \"b\", not \"c\"");
  CHECK(message(R"({"maxLength":2})", "\"abc\"") == "must have at most 2 characters, not 3");
  CHECK(message(R"({"required":["a"]})", "{}") == "is missing and has no default; give it a value");
  CHECK(message(R"({"properties":{"account":true},"additionalProperties":false})",
                R"({"acount":1})") ==
        "is no member of this (did you mean \"account\"?); leave it out");
  CHECK(message(R"({"properties":{"account":true},"additionalProperties":false})", R"({"x":1})") ==
        "is no member of this; its members are \"account\"");
  CHECK(message(R"({"anyOf":[{"type":"null"},{"type":"string","minLength":2}]})", "\"a\"") ==
        "must have at least 2 characters, not 1");
}

TEST_CASE("J7: defaults are filled in where a member is absent") {
  const std::string schema =
      R"({"properties":{"times":{"type":"integer","default":1},"name":{"type":"string"},
          "deep":{"properties":{"x":{"default":[]}}}},"required":["times"]})";
  CHECK(completed(schema, "{}") == R"({"times":1})");
  CHECK(completed(schema, R"({"times":3,"deep":{}})") == R"({"times":3,"deep":{"x":[]}})");
  CHECK(completed(R"({"anyOf":[{"type":"string"},{"properties":{"a":{"default":1}}}]})", "{}") ==
        R"({"a":1})");
  CHECK(completed(R"({"anyOf":[{"properties":{"a":{"default":1}},"required":["b"]},true]})",
                  "{}") == "{}");
}

TEST_CASE("J7: a verdict says whether a default was filled in") {
  const auto schema = value_of(R"({"properties":{"a":{"default":1}}})");
  auto complete = value_of(R"({"a":2})");
  auto incomplete = value_of("{}");
  CHECK_FALSE(check_and_complete(complete, schema, {}).completed);
  CHECK(check_and_complete(incomplete, schema, {}).completed);
}

TEST_CASE("J7: a reference is taken for any type and a literal for what it holds") {
  const std::string schema =
      R"({"properties":{"n":{"type":"integer","minimum":1},"e":{"enum":[{"a":1}]},
          "l":{"uniqueItems":true,"oneOf":[{"items":true},{"maxItems":9}]},
          "o":{"type":"object","additionalProperties":false}}})";
  const SchemaCheck lenient{.references_fit = true};
  for (const std::string text :
       {R"({"n":{"$ref":"/args/x"}})", R"({"e":{"a":{"$ref":"/args/x"}}})",
        R"({"l":[{"$ref":"/args/x"},{"$ref":"/args/x"}]})", R"({"n":{"$literal":5}})"}) {
    INFO(text);
    CHECK(problems(schema, text, lenient).empty());
    CHECK_FALSE(problems(schema, text).empty());
  }
  CHECK(problems(schema, R"({"n":{"$literal":0}})", lenient) ==
        std::vector<std::string>{"out_of_range /n/$literal"});
  CHECK(problems(schema, R"({"o":{"$literal":{"$ref":1}}})", lenient) ==
        std::vector<std::string>{"unknown_member /o/$literal/$ref"});
}

TEST_CASE("a schema that refers to itself for ever is a problem and no overflow") {
  const std::vector<std::string> loop{"schema_loop "};
  CHECK(problems(R"({"$ref":"#"})", "1") == loop);
  CHECK(problems(R"({"allOf":[{"$ref":"#"},{"$ref":"#"}]})", "1") == loop);
  CHECK(problems(R"({"anyOf":[{"$ref":"#"},{"$ref":"#"}]})", "1") == loop);
}

TEST_CASE("keywords that would not be checked are named with their place") {
  const std::pair<std::string, std::vector<std::string>> rows[] = {
      {R"({"pattern":"a"})", {"pattern"}},
      {R"({"properties":{"a":{"items":{"if":true}}}})", {"if (at /properties/a/items)"}},
      {R"({"minLenght":1})", {"minLenght"}},
      {R"({"minLength":-1})", {"minLength with a value it does not take"}},
      {R"({"type":"text"})", {"type with a value it does not take"}},
      {R"({"$ref":"#/$defs/gone"})", {"$ref with a value it does not take"}},
      {R"({"$ref":"https://example.org/x"})", {"$ref with a value it does not take"}},
      {R"({"items":5})", {"a schema that is neither an object nor true or false (at /items)"}},
      {R"({"multipleOf":0})", {"multipleOf with a value it does not take"}},
  };
  for (const auto& [schema, found] : rows) {
    INFO(schema);
    CHECK(unsupported_keywords(value_of(schema)) == found);
  }
}

TEST_CASE("a schema rules out places that no value which fits can have") {
  struct Case {
    std::string schema;
    std::vector<std::string> there;
    std::vector<std::string> never;
  };
  const std::string closed = R"("additionalProperties":false)";
  const std::vector<Case> cases{
      {"{}", {"/a", "/a/b", "/0"}, {}},
      {"true", {"/a"}, {}},
      {"false", {}, {"/a"}},
      {R"({"properties":{"a":{"type":"string"}}})", {"/a", "/b", "/b/c"}, {"/a/b"}},
      {R"({"properties":{"a":{}},)" + closed + "}", {"/a", "/a/b", "/0"}, {"/b", "/b/c"}},
      {R"({"type":"object","properties":{"a":{}},)" + closed + "}", {"/a"}, {"/b", "/0"}},
      {R"({"type":["object","null"],)" + closed + "}", {}, {"/a"}},
      {R"({"type":"object","additionalProperties":{"type":"integer"}})", {"/a"}, {"/a/b"}},
      {R"({"type":"array","items":{"type":"integer"}})", {"/0", "/7"}, {"/a", "/0/b"}},
      {R"({"type":"array","prefixItems":[{"type":"object"}],"items":false})",
       {"/0", "/0/a", "/0/0/1"},
       {"/1", "/1/a"}},
      {R"({"$ref":"#/$defs/x","$defs":{"x":{"type":"object",)" + closed + "}}}", {}, {"/a"}},
      {R"({"anyOf":[{"type":"null"},{"type":"object","properties":{"a":{}},)" + closed + "}]}",
       {"/a"},
       {"/b"}},
      {R"({"oneOf":[{"type":"null"},{}]})", {"/a"}, {}},
      {R"({"allOf":[{},{"type":"string"}]})", {}, {"/a"}},
      {R"({"properties":{"next":{"$ref":"#"}},)" + closed + "}", {"/next/next"}, {"/next/a"}},
      {R"({"$ref":"#"})", {"/a"}, {}},
      {R"({"allOf":[{"$ref":"#"},{"$ref":"#"}]})", {"/a"}, {}},
  };
  for (const Case& each : cases) {
    const boost::json::value schema = value_of(each.schema);
    CAPTURE(each.schema);
    for (const std::string& place : each.there) {
      CAPTURE(place);
      CHECK_FALSE(rules_out(schema, *pointer_tokens(place)));
    }
    for (const std::string& place : each.never) {
      CAPTURE(place);
      CHECK(rules_out(schema, *pointer_tokens(place)));
    }
  }
}
