#include "host/engine/json_check.hpp"

#include <boost/json/value.hpp>
#include <catch2/catch.hpp>

#include "host/engine/json_compare.hpp"
#include "host/engine/json_cursor.hpp"
#include "host/engine/json_value.hpp"
#include "tests/support/chance.hpp"

using namespace stepd::engine;

namespace {

std::string repeated(std::string_view piece, std::size_t times) {
  std::string text;
  for (; times > 0; --times) text += piece;
  return text;
}

struct Row {
  std::string text;
  std::string code;
  std::string pointer;
  std::size_t offset;
};

}  // namespace

TEST_CASE("JSON that would be kept as it was sent has no fault") {
  for (const std::string text :
       {"{}", " [1, 2] ", "\"\\u00e4\\ud83d\\ude00\"", "18446744073709551615",
        "-9223372036854775808", "1e308", "1e-300", "0.1", "null",
        "{\"a\":{\"a\":1},\"b\":[{\"a\":1}]}", "\"\xf0\x9f\x98\x80\""}) {
    INFO(text);
    CHECK(find_fault(text, 100) == std::nullopt);
  }
}

TEST_CASE("what is no JSON is refused at the byte where it stops being any") {
  const Row rows[] = {
      {"", "malformed_json", "", 0},
      {"{\"a\": }", "malformed_json", "", 6},
      {"{\"a\": 1,}", "malformed_json", "", 8},
      {"{\"a\": 1} x", "malformed_json", "", 9},
      {"{\"a\": 01}", "malformed_json", "", 7},
      {"[1, 2", "malformed_json", "", 5},
      {"{'a': 1}", "malformed_json", "", 1},
      {"[NaN]", "malformed_json", "", 1},
      {"\"\\ud800\"", "malformed_json", "", 7},
      {"\xef\xbb\xbf{}", "malformed_json", "", 0},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const auto fault = find_fault(row.text, 100);
    REQUIRE(fault);
    CHECK(fault->code == row.code);
    CHECK(fault->offset == row.offset);
  }
}

TEST_CASE("a fault tells line and column") {
  const auto fault = find_fault("{\n  \"a\": 1,\n  \"b\": oh\n}", 100);
  REQUIRE(fault);
  CHECK(fault->line == 3);
  CHECK(fault->column == 8);
}

TEST_CASE("what is no UTF-8 is refused as that") {
  for (const std::string bytes : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80",
                                  "\xe2\x28\xa1", "\xf0\x80\x80\x80", "\x80"}) {
    const auto fault = find_fault("{\"a\": \"b" + bytes + "\"}", 100);
    REQUIRE(fault);
    CHECK(fault->code == "malformed_json");
    CHECK(fault->message == "it is not UTF-8 from here on");
    CHECK(fault->offset == 8);
  }
}

TEST_CASE("J3: a member named twice is refused with its pointer") {
  std::string many = "{";
  for (int key = 0; key < 50; ++key) many += "\"k" + std::to_string(key) + "\": 0, ";
  const std::pair<std::string, std::string> rows[] = {
      {R"({"a": 1, "a": 1})", "/a"},
      {R"({"a": 1, "\u0061": 2})", "/a"},
      {R"([{}, {"x": {"a/b": 1, "c": 2, "a/b": 3}}])", "/1/x/a~1b"},
      {many + R"("k17": 1})", "/k17"},
      {R"({"": 1, "": 2})", "/"}};
  for (const auto& [text, pointer] : rows) {
    INFO(text);
    const auto fault = find_fault(text, 100);
    REQUIRE(fault);
    CHECK(fault->code == "duplicate_member");
    CHECK(fault->pointer == pointer);
    CHECK(text.substr(fault->offset, 1) == "\"");
  }
}

TEST_CASE("J3: a number that cannot be kept exactly is refused with its pointer") {
  for (const std::string number :
       {"18446744073709551616", "-9223372036854775809", "1e400", "-1e400", "1e-400", "1E+999"}) {
    INFO(number);
    const auto fault = find_fault("{\"args\": {\"n\": [0, " + number + "]}}", 100);
    REQUIRE(fault);
    CHECK(fault->code == "number_out_of_range");
    CHECK(fault->pointer == "/args/n/1");
    CHECK(fault->message.find(number) == 0);
  }
  CHECK(find_fault(repeated("9", 400) + ".0", 100)->code == "number_out_of_range");
}

TEST_CASE("nesting is refused beyond the limit and allowed up to it") {
  CHECK(find_fault(repeated("[", 100) + repeated("]", 100), 100) == std::nullopt);
  const auto fault = find_fault(repeated("[", 101) + repeated("]", 101), 100);
  REQUIRE(fault);
  CHECK(fault->code == "too_deep");
  CHECK(fault->message == "it nests deeper than 100 levels, the limit");
  CHECK(find_fault(repeated("{\"a\":", 100'000), 100)->code == "too_deep");
}

TEST_CASE("a large object with a name twice is refused in time in proportion to it") {
  std::string text = "{";
  for (int key = 0; key < 100'000; ++key) text += "\"k" + std::to_string(key) + "\":0,";
  CHECK(find_fault(text + "\"last\":0}", 100) == std::nullopt);
  CHECK(find_fault(text + "\"k5\":0}", 100)->pointer == "/k5");
}

TEST_CASE("values come out as the text they were read from") {
  for (const std::string text :
       {"0.3", "182.87008094787598", "1.5", "-0", "-0.0", "18446744073709551615", "1e+25",
        "-9223372036854775808", R"({"b":[true,null,"\u0001\"\\/é"],"a":{}})", "[]", "\"\"",
        "5e-324"}) {
    INFO(text);
    const std::string written = text_of(value_of(text));
    CHECK(written == (text == "-0.0" ? "-0" : text));
  }
  stepd::tests::Chance chance(3);
  for (int round = 0; round < 2000; ++round) {
    const double number =
        static_cast<double>(chance.number()) / static_cast<double>(chance.number() + 1);
    INFO(number);
    CHECK(value_of(text_of(boost::json::value(number))).to_number<double>() == number);
  }
}

TEST_CASE("escapes mean what they say") {
  CHECK(unquoted(R"("a\n\t\"\\\/\b\f\r")") == "a\n\t\"\\/\b\f\r");
  CHECK(unquoted(R"("\u0041\u00e4\u20ac\ud83d\ude00")") == "Aä€😀");
  CHECK(in_quotes("a\"b\\c\n") == R"("a\"b\\c\u000a")");
}

TEST_CASE("a cursor on text that is no JSON ends and stays inside") {
  stepd::tests::Chance chance(4);
  constexpr std::string_view letters = "{}[]\",:\\u01 tn";
  for (int round = 0; round < 20'000; ++round) {
    std::vector<char> text(chance.below(30));
    for (char& letter : text) letter = letters[chance.below(letters.size())];
    const std::string_view view(text.data(), text.size());
    (void)value_of(view);
    (void)without_blanks(view);
    (void)child(view, "0");
  }
}

TEST_CASE("blanks between tokens go and those inside text stay") {
  CHECK(without_blanks(" { \"a b\" : [ 1 , \"\\\" \" ] }\n") == R"({"a b":[1,"\" "]})");
}

TEST_CASE("values compare by what they mean") {
  const std::pair<std::string, std::string> same[] = {
      {"1", "1.0"},
      {"0", "-0.0"},
      {R"({"a":1,"b":[2]})", R"({"b":[2.0],"a":1})"},
      {"18446744073709551615", "18446744073709551615"},
      {R"("\u0041")", "\"A\""}};
  for (const auto& [left, right] : same) {
    INFO(left << " and " << right);
    CHECK(are_same(value_of(left), value_of(right)));
    CHECK(comparable(value_of(left)) == comparable(value_of(right)));
  }
  const std::pair<std::string, std::string> others[] = {
      {"1", "\"1\""},     {"9007199254740993", "9007199254740992.0"},
      {"[1,2]", "[2,1]"}, {"{}", "[]"},
      {"null", "false"},  {R"({"a":1})", R"({"a":1,"b":1})"}};
  for (const auto& [left, right] : others) {
    INFO(left << " and " << right);
    CHECK_FALSE(are_same(value_of(left), value_of(right)));
    CHECK_FALSE(comparable(value_of(left)) == comparable(value_of(right)));
  }
}

TEST_CASE("J6: a character of several bytes in the wrong place is no fault of its encoding") {
  const auto fault = find_fault("{\u20ac\u20ac}", 32);
  REQUIRE(fault);
  CHECK(fault->message.find("UTF-8") == std::string::npos);
  const auto broken = find_fault("{\xe2\x82", 32);
  REQUIRE(broken);
  CHECK(broken->message.find("UTF-8") != std::string::npos);
}
