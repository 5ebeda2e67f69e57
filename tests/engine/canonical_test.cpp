#include "host/engine/canonical.hpp"

#include <catch2/catch.hpp>

using namespace stepd::engine;

TEST_CASE("J3: the same content has one canonical text however it is written") {
  const std::vector<std::string> groups[] = {
      {R"({"a":1,"b":[true,null]})", R"( { "b" : [ true , null ] , "a" : 1.0 } )",
       R"({"\u0061":10e-1,"b":[true,null]})"},
      {"0", "-0", "0.0", "0e99", "-0.00E+7"},
      {"100", "1e2", "1E+2", "100.00", "0.1e3", "1000e-1"},
      {"-2.5", "-25e-1", "-0.25e1"},
      {"18446744073709551615", "1844674407370955161.5e1"},
      {R"("a/ä\n")", R"("a\/\u00e4\u000A")"},
      {"[]", " [ ] "},
  };
  for (const auto& group : groups) {
    for (const std::string& text : group) {
      INFO(text);
      CHECK(canonical(text) == canonical(group.front()));
    }
  }
}

TEST_CASE("J3: other content has another canonical text") {
  const std::vector<std::string> texts{"0",
                                       "1",
                                       "10",
                                       "-1",
                                       "\"1\"",
                                       "true",
                                       "null",
                                       "[]",
                                       "{}",
                                       "[1]",
                                       "[1,1]",
                                       "[11]",
                                       "[[1],1]",
                                       "0.1",
                                       "0.10000000000000000001",
                                       "9007199254740993",
                                       "9007199254740992",
                                       R"({"a":1})",
                                       R"({"a":"1"})",
                                       R"({"a":1,"b":1})",
                                       R"({"b":1})",
                                       R"(["a","b"])",
                                       R"(["b","a"])",
                                       R"("a\",\"b")",
                                       "1e-7",
                                       "1e7"};
  for (const std::string& left : texts) {
    for (const std::string& right : texts) {
      INFO(left << " and " << right);
      CHECK((canonical(left) == canonical(right)) == (&left == &right));
    }
  }
}

TEST_CASE("a canonical number is digits and a power of ten") {
  CHECK(canonical_number("2500") == "25e2");
  CHECK(canonical_number("0.00120") == "12e-4");
  CHECK(canonical_number("-3.0e-5") == "-3e-5");
}
