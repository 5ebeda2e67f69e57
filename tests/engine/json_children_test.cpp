#include "host/engine/json_children.hpp"

#include <catch2/catch.hpp>

#include "host/engine/json_cursor.hpp"

using namespace stepd::engine;

TEST_CASE("J7: the parts of a large value are found as those of a small one", "[engine]") {
  const std::string filling(600, 'x');
  const std::string object =
      R"({"a":1,"b\"c":{"deep":[1, 2]},"\u0064":null,"":2,"long":")" + filling + R"("})";
  const std::string array = R"(["zero", [1], {"k":2}, ")" + filling + R"("])";
  JsonChildren children;

  for (const std::string token : {"a", "b\"c", "d", "", "long", "absent", "0"}) {
    INFO(token);
    CHECK(children.child(object, token) == child(object, token));
  }
  CHECK(children.child(object, "b\"c") == R"({"deep":[1, 2]})");
  CHECK(children.child(object, "d") == "null");
  for (const std::string token : {"0", "1", "2", "3", "4", "01", "-", "a", ""}) {
    INFO(token);
    CHECK(children.child(array, token) == child(array, token));
  }
  CHECK(children.child(array, "2") == R"({"k":2})");
  CHECK(children.child("\"" + filling + "\"", "0").empty());
}

TEST_CASE("J7: many references into a large document are each resolved", "[engine]") {
  std::string document = "{";
  for (int member = 0; member < 50'000; ++member) {
    document += "\"m" + std::to_string(member) + "\":" + std::to_string(member) + ",";
  }
  document += "\"last\":true}";
  JsonChildren children;
  for (int member = 0; member < 50'000; ++member) {
    const std::string number = std::to_string(member);
    REQUIRE(children.child(document, "m" + number) == number);
  }
}
