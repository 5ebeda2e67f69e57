#include <catch2/catch.hpp>

#include "host/engine/json_value.hpp"
#include "host/rehearsal/example_value.hpp"
#include "tests/rehearsal/small_bank.hpp"

using namespace stepd::rehearsal;
using namespace stepd::rehearsal::testing;
using stepd::engine::JsonText;

namespace {

boost::json::value output(const RehearsalSetting& setting, std::size_t step) {
  return stepd::engine::value_of(setting.outputs.at(step).view());
}

}  // namespace

TEST_CASE("an example of an output has what its schema requires and what the job refers to") {
  const RehearsalSetting setting = setting_of(R"({"steps":[
      {"id":"a","step":"out"},
      {"id":"b","step":"in","args":{"memo":{"$ref":"/steps/a/output/receipt"}}}]})");

  CHECK(output(setting, 0) == boost::json::parse(R"({"cents":5,"receipt":"example"})"));
}

TEST_CASE("an example of a text is of the format that the host judges") {
  const auto example = [](const char* schema) {
    const auto parsed = boost::json::parse(schema);
    return example_value(parsed.as_object(), parsed.as_object());
  };

  CHECK(example(R"({"type":"string","format":"stepd-duration"})") == "1s");
  CHECK(example(R"({"type":"string","format":"http-url"})") == "http://example.invalid/");
  CHECK(example(R"({"type":"string","format":"date"})") == "example");
}

TEST_CASE("what no schema knows is made as the arguments it goes into would have it") {
  const RehearsalSetting setting = setting_of(R"({"steps":[
      {"id":"a","step":"plain"},
      {"id":"b","step":"in","args":{"memo":{"$ref":"/steps/a/output/deep/0/text"},
                                    "note":{"$ref":"/steps/a/output/count"}}}]})");

  CHECK(output(setting, 0) == boost::json::parse(R"({"deep":{"0":{"text":"example"}},"count":1})"));
  CHECK(rehearse(setting).results.front().ended == stepd::engine::JobWord::succeeded);
}

TEST_CASE("of what a schema leaves open an example has what the job refers to in it") {
  stepd::engine::Catalogue catalogue = small_bank();
  catalogue.types["out"].output_schema = JsonText(
      R"({"type":"object","properties":{"data":{},"list":{}},"required":["data","list"]})");
  const RehearsalSetting setting = setting_of(R"({"steps":[
      {"id":"a","step":"out"},
      {"id":"b","step":"in","args":{"memo":{"$ref":"/steps/a/output/data/who"},
                                    "note":{"$ref":"/steps/a/output/list/1"}}}]})",
                                              catalogue);

  CHECK(output(setting, 0) == boost::json::parse(R"({"data":{"who":"example"},"list":[1,1]})"));
}

TEST_CASE("J7: a path says which arguments do not come out of what the steps return") {
  RehearsalSetting setting = setting_of(R"({"steps":[
      {"id":"a","step":"out"},
      {"id":"b","step":"in","args":{"memo":{"$ref":"/steps/a/output/receipt"}}}]})");
  setting.outputs[0] = JsonText(R"({"cents":7})");

  const PathResult well = rehearse(setting).results.front();

  CHECK(well.verdict == Verdict::bad_arguments);
  REQUIRE_FALSE(well.remarks.empty());
  CHECK(well.remarks.front().find("step \"b\" is given up") == 0);
  CHECK(well.remarks.front().find("receipt") != std::string::npos);
}
