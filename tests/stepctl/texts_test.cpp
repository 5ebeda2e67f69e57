#include <catch2/catch.hpp>

#include "tools/stepctl/address.hpp"
#include "tools/stepctl/event_parser.hpp"
#include "tools/stepctl/example_args.hpp"
#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/problem.hpp"
#include "tools/stepctl/screen.hpp"
#include "tools/stepctl/span_text.hpp"
#include "tools/stepctl/table.hpp"

using namespace stepd::stepctl;
using namespace std::chrono_literals;

TEST_CASE("a span is told in one or two units") {
  CHECK(span_text(0us) == "0ms");
  CHECK(span_text(840us) == "840us");
  CHECK(span_text(12ms) == "12ms");
  CHECK(span_text(999ms) == "999ms");
  CHECK(span_text(1s) == "1s");
  CHECK(span_text(1240ms) == "1.24s");
  CHECK(span_text(1050ms) == "1.05s");
  CHECK(span_text(12'400ms) == "12.4s");
  CHECK(span_text(59'999ms) == "59.9s");
  CHECK(span_text(185s) == "3m 05s");
  CHECK(span_text(180s) == "3m");
  CHECK(span_text(2h + 3min) == "2h 03m");
  CHECK(span_text(98h) == "4d 02h");
  CHECK(span_text(-5s) == "-5s");
}

TEST_CASE("an instant is read with and without a fraction and nothing else passes") {
  const auto whole = parse_instant("2026-03-01T12:00:00Z");
  const auto fraction = parse_instant("2026-03-01T12:00:00.123456Z");

  REQUIRE(whole);
  REQUIRE(fraction);
  CHECK(*fraction - *whole == 123456us);
  CHECK(parse_instant("1970-01-01T00:00:01Z")->time_since_epoch() == 1s);
  for (const char* wrong :
       {"", "now", "2026-03-01", "2026-13-01T12:00:00Z", "2026-03-01T12:00:00",
        "2026-03-01T12:00:00+01:00", "2026-02-30T12:00:00Z", "2026-03-01T25:00:00Z"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_instant(wrong));
  }
}

TEST_CASE("an instant is told against the present in whole seconds") {
  const Instant now = *parse_instant("2026-03-01T12:00:00Z");

  CHECK(relative_text(now - 185s, now) == "3m 05s ago");
  CHECK(relative_text(now + 12s, now) == "in 12s");
  CHECK(relative_text(now + 300ms, now) == "now");
}

TEST_CASE("a table aligns its columns by code points and leaves no blanks at line ends") {
  Table table({"ID", "NAME", ""});
  table.add({{"1"}, {"Zoë"}, {"x"}});
  table.add({{"1000"}, {"b"}, {""}});

  CHECK(table.text(Screen{}) ==
        "ID    NAME\n"
        "1     Zoë   x\n"
        "1000  b\n");
}

TEST_CASE("the last column of a table is cut at the edge of the terminal") {
  Table table({});
  table.add({{"id"}, {"a rather long remark"}});

  CHECK(table.text(Screen{.terminal = true, .unicode = true, .columns = 12}) == "id  a rathe…\n");
}

TEST_CASE("control characters of others do not reach the terminal") {
  CHECK(printable("a\x1b[31mb\nc\x7f") == "a\\x1b[31mb c\\x7f");
  CHECK(printable("\xC2\x9B"
                  "31m") == "?31m");
  CHECK(printable("Zoë") == "Zoë");
}

TEST_CASE("colour is for terminals that show it") {
  CHECK(paint("x", Tone::bad, Screen{}) == "x");
  CHECK(paint("x", Tone::bad, Screen{.terminal = true, .colour = true}) == "\x1b[31mx\x1b[0m");
}

TEST_CASE("JSON is laid out without touching its numbers and strings") {
  const std::string text = R"({"a":1.50,"b":[1e400,{}],"c":"x, {y}: \"z\"","d":[]})";

  CHECK(indented(text) ==
        "{\n"
        "  \"a\": 1.50,\n"
        "  \"b\": [\n"
        "    1e400,\n"
        "    {}\n"
        "  ],\n"
        "  \"c\": \"x, {y}: \\\"z\\\"\",\n"
        "  \"d\": []\n"
        "}\n");
  CHECK(compact(indented(text)) == text);
}

TEST_CASE("a value on one line writes fractions the short way") {
  CHECK(one_line(json::parse(R"({"a":1.5,"b":[true,null,"x"],"c":-3})")) ==
        R"({"a":1.5,"b":[true,null,"x"],"c":-3})");
}

TEST_CASE("whatever a document lacks reads as empty") {
  const json::object object = *parse_object(R"({"text":"x","null":null,"list":[1],"yes":true})");

  CHECK(text_at(object, "text") == "x");
  CHECK(text_at(object, "yes") == "true");
  CHECK(text_at(object, "null").empty());
  CHECK(text_at(object, "list").empty());
  CHECK(text_at(object, "missing").empty());
  CHECK(number_at(object, "text") == 0);
  CHECK(list_at(object, "text").empty());
  CHECK(object_at(object, "list").empty());
  CHECK_FALSE(true_at(object, "text"));
}

TEST_CASE("a problem document is told with pointer and message of each error") {
  const json::object problem = *parse_object(
      R"({"title":"job refused","status":422,"detail":"the job has 2 errors","errors":[
          {"code":"a","pointer":"/steps/1/id","message":"the id out stands twice"},
          {"code":"b","pointer":"","message":"no name"}]})");

  CHECK(problem_text(problem, "jobs.jsonl:3", Screen{}) ==
        "jobs.jsonl:3: error: the job has 2 errors\n"
        "  at /steps/1/id: the id out stands twice\n"
        "  no name\n");
}

TEST_CASE("a problem with one error does not say its message twice") {
  const json::object problem = *parse_object(
      R"({"detail":"/steps: the job has no steps","errors":[
          {"pointer":"/steps","message":"the job has no steps"}]})");

  CHECK(problem_text(problem, "", Screen{}) ==
        "error: refused\n"
        "  at /steps: the job has no steps\n");
}

TEST_CASE("a problem with several errors says each of them once") {
  const json::object problem = *parse_object(
      R"json({"detail":"/name: is empty (and 1 more in errors)","errors":[
          {"pointer":"/name","message":"is empty"},
          {"pointer":"/steps","message":"is missing"}]})json");

  CHECK(problem_text(problem, "", Screen{}) ==
        "error: refused for 2 reasons\n"
        "  at /name: is empty\n"
        "  at /steps: is missing\n");
}

TEST_CASE("an answer that is no problem document is shown as it is") {
  CHECK(refusal_text(502, "<html>bad\ngateway</html>", "", Screen{}) ==
        "error: the answer has status 502 and is no problem document: "
        "<html>bad gateway</html>\n");
}

TEST_CASE("an event ends at the empty line and comments are skipped") {
  EventParser parser;

  CHECK_FALSE(parser.add(": still here"));
  CHECK_FALSE(parser.add(""));
  CHECK_FALSE(parser.add("event: journal"));
  CHECK_FALSE(parser.add("id: 7"));
  CHECK_FALSE(parser.add("data: {\"a\":"));
  CHECK_FALSE(parser.add("data:1}\r"));
  const auto event = parser.add("\r");

  REQUIRE(event);
  CHECK(event->name == "journal");
  CHECK(event->id == "7");
  CHECK(event->text == "{\"a\":\n1}");
  CHECK_FALSE(parser.add(""));
}

namespace {

Surroundings user_surroundings() {
  Surroundings surroundings;
  surroundings.home = "/home/ann";
  surroundings.exists = [](const std::filesystem::path&) { return true; };
  return surroundings;
}

}  // namespace

TEST_CASE("the flag names the server before the variable and that before the default") {
  Surroundings surroundings = user_surroundings();
  CHECK(to_text(std::get<Address>(find_server(surroundings))) ==
        "unix:/home/ann/.local/state/stepd/stepd.sock");

  surroundings.state_home = "/state";
  CHECK(to_text(std::get<Address>(find_server(surroundings))) == "unix:/state/stepd/stepd.sock");

  surroundings.server_variable = "http://127.0.0.1:7070/";
  const auto from_variable = std::get<Address>(find_server(surroundings));
  CHECK(to_text(from_variable) == "tcp:127.0.0.1:7070");
  CHECK(from_variable.origin == "$STEPD_SERVER");

  surroundings.server_flag = "unix:/run/s";
  CHECK(std::get<Address>(find_server(surroundings)).path == "/run/s");
}

TEST_CASE("a user without a daemon of their own is led to the one of root") {
  Surroundings surroundings = user_surroundings();
  surroundings.exists = [](const std::filesystem::path& path) {
    return path == "/var/lib/stepd/stepd.sock";
  };

  CHECK(std::get<Address>(find_server(surroundings)).path == "/var/lib/stepd/stepd.sock");
  surroundings.root = true;
  CHECK(std::get<Address>(find_server(surroundings)).origin == "the default for root");
}

TEST_CASE("an address that is none is refused with the forms there are") {
  Surroundings surroundings = user_surroundings();
  for (const char* wrong : {"localhost", "tcp:localhost", "tcp::80", "tcp:h:0", "tcp:h:65536",
                            "tcp:h:8x", "http://h", "https://h:1", "unix:"}) {
    CAPTURE(wrong);
    surroundings.server_flag = wrong;
    const auto answer = find_server(surroundings);
    REQUIRE(std::holds_alternative<std::string>(answer));
    CHECK(std::get<std::string>(answer).find("tcp:HOST:PORT") != std::string::npos);
  }
  surroundings.server_flag = "unix:/" + std::string(120, 'x');
  CHECK(std::get<std::string>(find_server(surroundings)).find("107") != std::string::npos);
}

TEST_CASE("an IPv6 host keeps its brackets in text only") {
  Surroundings surroundings = user_surroundings();
  surroundings.server_flag = "tcp:[::1]:7070";
  const auto address = std::get<Address>(find_server(surroundings));

  CHECK(address.host == "::1");
  CHECK(to_text(address) == "tcp:[::1]:7070");
}

TEST_CASE("example arguments hold what is required and what has a default") {
  const json::object schema = *parse_object(
      R"({"type":"object",
          "required":["account","cents","kind","to","tags","deep","wait","url"],"properties":{
          "account":{"type":"string"},"cents":{"type":"integer","minimum":1},
          "kind":{"enum":["fast","slow"]},"to":{"$ref":"#/$defs/bank"},
          "tags":{"type":"array","items":{"type":"string"}},
          "deep":{"type":["null","object"],"properties":{"x":{"type":"boolean"}},"required":["x"]},
          "times":{"type":"integer","default":3},"memo":{"type":"string"},
          "wait":{"type":"string","format":"stepd-duration"},
          "url":{"type":"string","format":"http-url"}},
          "$defs":{"bank":{"type":"object","required":["bic"],
                           "properties":{"bic":{"type":"string"}}}}})");

  CHECK(one_line(example_args(schema)) ==
        R"({"account":"","cents":1,"kind":"fast","to":{"bic":""},"tags":[],)"
        R"("deep":{"x":false},"times":3,"wait":"1s","url":"http://127.0.0.1/"})");
}

TEST_CASE("a schema that contains itself still has an example") {
  const json::object schema =
      *parse_object(R"({"type":"object","required":["next"],"properties":{"next":{"$ref":"#"}}})");

  CHECK(example_args(schema).is_object());
}
