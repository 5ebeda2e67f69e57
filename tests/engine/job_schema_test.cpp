// The JSON Schema of a job file says what the parser and the validation do.

#include <boost/json/value.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

#include "host/engine/job_parser.hpp"
#include "host/engine/json_check.hpp"
#include "host/engine/json_value.hpp"
#include "host/engine/schema.hpp"
#include "host/engine/span.hpp"

using namespace stepd::engine;

namespace {

const std::filesystem::path source_folder = STEPD_SOURCE_FOLDER;

std::string content_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  REQUIRE(stream);
  return {std::istreambuf_iterator<char>(stream), {}};
}

boost::json::value job_schema() {
  const std::string text = content_of(source_folder / "host/http/job.schema.json");
  REQUIRE(find_fault(text, 100) == std::nullopt);
  return value_of(text);
}

bool fits_schema(const std::string& text) {
  static const boost::json::value schema = job_schema();
  boost::json::value job = value_of(text);
  return check_and_complete(job, schema, {}).problems.empty();
}

bool is_accepted(const std::string& text) {
  ParsedJob parsed = parse_job(text, {});
  return parsed.problems.empty() &&
         validate(std::move(parsed.definition), {}, {}, {}).problems.empty();
}

std::string with_member(const std::string& member) {
  return R"({"steps":[{"id":"a","step":"b.c"}],)" + member + "}";
}
std::string with_step(const std::string& members) { return "{\"steps\":[{" + members + "}]}"; }
std::string with_retry(const std::string& members) {
  return with_step(R"("id":"a","step":"b.c","retry":{)" + members + "}");
}

/// The pattern of a definition within the schema.
std::regex pattern_of(const char* definition) {
  return std::regex(std::string(job_schema().at("$defs").at(definition).at("pattern").as_string()));
}

/// What stands between ```json and ``` in a document.
std::vector<std::string> json_blocks(const std::string& document) {
  std::vector<std::string> blocks;
  constexpr std::string_view opening = "```json\n";
  for (std::size_t place = document.find(opening); place != std::string::npos;
       place = document.find(opening, place)) {
    place += opening.size();
    const std::size_t end = document.find("```", place);
    REQUIRE(end != std::string::npos);
    blocks.push_back(document.substr(place, end - place));
    place = end + 3;
  }
  return blocks;
}

}  // namespace

TEST_CASE("the job schema holds nothing that goes unchecked but its patterns") {
  for (const std::string& keyword : unsupported_keywords(job_schema())) {
    CHECK(keyword.find("pattern (at /$defs/") == 0);
  }
}

TEST_CASE("J6: the job schema and the host accept the same jobs") {
  const std::string good[] = {
      with_member(R"("name":"n")"),
      with_member(R"("key":"k","on_settled":"return")"),
      with_member(R"("on_settled":"rerun_unsuccessful")"),
      with_member(R"("args":{"a":[1,{}]})"),
      with_member(R"("output":5)"),
      with_member(R"("output":{"$ref":"/steps/a/output"})"),
      with_member(R"("deadline":"1.5h")"),
      with_step(R"("id":"a","step":"b.c","args":{"x":{"$literal":{"$ref":1}}})"),
      with_step(
          R"("id":"a","step":"b.c","timeout":"1s","heartbeat":"1s","compensate_timeout":"1s")"),
      with_step(R"("id":"a","step":"b.c","compensate_retry":{})"),
      with_retry(R"("attempts_max":1)"),
      with_retry(R"("attempts_max":2.0)"),
      with_retry(R"("attempts_max":4294967295)"),
      with_retry(R"("attempts_max":"unlimited")"),
      with_retry(R"("initial":"1ms","max":"1d","multiplier":1,"jitter":1)"),
      with_retry(R"("multiplier":1000,"jitter":0.5)"),
      with_step(R"("id":"a","step":"b.c","after":[],"pivot":true)"),
      R"({"steps":[{"id":"a","step":"b.c"},{"id":"d","step":"b.c","after":["a"],"pivot":false}]})",
  };
  for (const std::string& text : good) {
    INFO(text);
    CHECK(fits_schema(text));
    CHECK(is_accepted(text));
  }
}

TEST_CASE("J6: the job schema and the host refuse the same jobs") {
  const std::string bad[] = {
      "5",
      "[]",
      "{}",
      R"({"steps":[]})",
      R"({"steps":{}})",
      R"({"steps":[1]})",
      with_member(R"("name":1)"),
      with_member(R"("name":null)"),
      with_member("\"name\":\"" + std::string(201, 'n') + "\""),
      with_member(R"("key":"")"),
      with_member("\"key\":\"" + std::string(201, 'k') + "\""),
      with_member(R"("on_settled":"rerun")"),
      with_member(R"("args":[])"),
      with_member(R"("deadline":5)"),
      with_member(R"("tenant":"x")"),
      with_step(R"("id":"a")"),
      with_step(R"("step":"b.c")"),
      with_step(R"("id":"","step":"b.c")"),
      with_step(R"("id":1,"step":"b.c")"),
      with_step(R"("id":"a","step":"b.c","args":"x")"),
      with_step(R"("id":"a","step":"b.c","args":null)"),
      with_step(R"("id":"a","step":"b.c","after":"a")"),
      with_step(R"("id":"a","step":"b.c","after":[1])"),
      R"({"steps":[{"id":"a","step":"b.c"},{"id":"d","step":"b.c","after":["a","a"]}]})",
      with_step(R"("id":"a","step":"b.c","pivot":1)"),
      with_step(R"("id":"a","step":"b.c","retry":3)"),
      with_step(R"("id":"a","step":"b.c","timeout":3)"),
      with_retry(R"("attempts":1)"),
      with_retry(R"("attempts_max":0)"),
      with_retry(R"("attempts_max":-1)"),
      with_retry(R"("attempts_max":1.5)"),
      with_retry(R"("attempts_max":4294967296)"),
      with_retry(R"("attempts_max":"forever")"),
      with_retry(R"("initial":1)"),
      with_retry(R"("multiplier":0.5)"),
      with_retry(R"("multiplier":1001)"),
      with_retry(R"("multiplier":"2")"),
      with_retry(R"("jitter":-0.1)"),
      with_retry(R"("jitter":1.1)"),
  };
  for (const std::string& text : bad) {
    INFO(text);
    CHECK_FALSE(fits_schema(text));
    CHECK_FALSE(is_accepted(text));
  }
}

TEST_CASE("J6: the patterns of the job schema and the host agree") {
  const std::regex span = pattern_of("span");
  for (const std::string text : {"1s", "0.5s", "12.123456d", "5us", "5", "s", "5 s", "-5s", ".5s",
                                 "5.s", "1h30m", "1.1234567s", "5S", ""}) {
    INFO(text);
    CHECK(std::regex_match(text, span) == parse_span(text).has_value());
  }
  const std::regex word = pattern_of("word");
  for (const std::string text :
       {"a", "a.b-c_D9", ".", "-", "a/b", "a b", "ä", "", "a~b", "a\\u0000"}) {
    INFO(text);
    CHECK(std::regex_match(text, word) ==
          is_accepted("{\"steps\":[{\"id\":\"" + text + "\",\"step\":\"b.c\"}]}"));
  }
}

TEST_CASE("the jobs in the documents fit the job schema and are accepted") {
  std::size_t jobs = 0;
  for (const char* const document : {"README.md"}) {
    for (const std::string& block : json_blocks(content_of(source_folder / document))) {
      if (block.find("\"step\"") == std::string::npos) continue;
      INFO(block);
      REQUIRE(find_fault(block, 100) == std::nullopt);
      CHECK(fits_schema(block));
      CHECK(is_accepted(block));
      ++jobs;
    }
  }
  CHECK(jobs > 0);
}
