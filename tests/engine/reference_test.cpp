#include "host/engine/reference.hpp"

#include <boost/json/value.hpp>
#include <catch2/catch.hpp>

#include "host/engine/job_state.hpp"
#include "host/engine/json_value.hpp"

using namespace stepd::engine;

namespace {

/// Steps a, b and c in a row; a has left an output.
JobState job(const std::string& args_of_c = "{}") {
  JobDefinition definition{.name = "t",
                           .args = JsonText(R"({"account":"A-1","n":[10,{"x":1.50}]})")};
  definition.steps.resize(3);
  for (StepIndex index = 0; index < 3; ++index) {
    definition.steps[index].id = std::string(1, static_cast<char>('a' + index));
    if (index != 0) definition.steps[index].after = {index - 1};
  }
  definition.steps[2].args = JsonText(args_of_c);
  definition.steps[2].args_have_references = true;
  JobState state = fresh(JobId{1}, std::make_shared<const JobDefinition>(std::move(definition)));
  state.steps[0].output = JsonText(R"({"receipt": "r-1", "a/b": {"~": null}, "$ref": "/args"})");
  return state;
}

std::string resolved(const std::string& expression) {
  const Resolution resolution = resolve(JsonText(expression), job());
  const auto* error = std::get_if<Error>(&resolution);
  return error ? error->code + ": " + error->message : std::get<JsonText>(resolution).text();
}

std::vector<std::string> found(const std::string& text) {
  std::vector<std::string> all;
  const References references = references_in(value_of(text));
  for (const Reference& reference : references.found) {
    all.push_back(reference.pointer + " -> " + reference.target);
  }
  for (const Problem& problem : references.problems) {
    all.push_back(problem.code + " " + problem.pointer);
  }
  return all;
}

}  // namespace

TEST_CASE("J7: references are found where they stand and not inside literals") {
  using Found = std::vector<std::string>;
  CHECK(found(R"({"a":{"$ref":"/args/x"},"l":[1,{"b/c":{"$ref":""}}]})") ==
        Found{"/a -> /args/x", "/l/1/b~1c -> "});
  CHECK(found(R"({"$ref":"/args"})") == Found{" -> /args"});
  CHECK(found(R"({"a":{"$literal":{"$ref":"/args/x"}}})").empty());
  CHECK(found(R"({"a":"$ref","b":["$ref"]})").empty());
}

TEST_CASE("J7: malformed references are problems at their pointer") {
  for (const std::string text :
       {R"({"a":{"$ref":"/args","other":1}})", R"({"a":{"$ref":5}})", R"({"a":{"$ref":"args/x"}})",
        R"({"a":{"$ref":"#/args/x"}})", R"({"a":{"$ref":"/args/~2"}})",
        R"({"a":{"$ref":"/args/~"}})", R"({"a":{"$literal":1,"b":2}})"}) {
    INFO(text);
    CHECK(found(text) == std::vector<std::string>{"bad_reference /a"});
  }
}

TEST_CASE("J7: a reference becomes the very text it points at") {
  const std::pair<std::string, std::string> rows[] = {
      {R"({"$ref":"/args/account"})", R"("A-1")"},
      {R"({"$ref":"/args/n/1/x"})", "1.50"},
      {R"({"$ref":"/args/n"})", R"([10,{"x":1.50}])"},
      {R"({"$ref":"/args"})", R"({"account":"A-1","n":[10,{"x":1.50}]})"},
      {R"({"$ref":"/steps/a/output/receipt"})", R"("r-1")"},
      {R"({"$ref":"/steps/a/output/a~1b/~0"})", "null"},
      {R"({"$ref":"/steps/a/output"})", R"({"receipt":"r-1","a/b":{"~":null},"$ref":"/args"})"},
      {R"({"$ref":"/steps/a"})", R"({"output":{"receipt":"r-1","a/b":{"~":null},"$ref":"/args"}})"},
      {R"({"\u0024ref":"\/args\/account"})", R"("A-1")"},
      {R"({"x":[{"$ref":"/args/account"},1e2,{"$ref":"/args/n/0"}],"y":{}})",
       R"({"x":["A-1",1e2,10],"y":{}})"},
      {R"({"x":{"$literal":{"$ref":"/args/account"}}})", R"({"x":{"$ref":"/args/account"}})"},
      {R"({"x":1,"$refs":2})", R"({"x":1,"$refs":2})"},
      {R"("text")", R"("text")"},
  };
  for (const auto& [expression, result] : rows) {
    INFO(expression);
    CHECK(resolved(expression) == result);
  }
}

TEST_CASE("J7: a reference to nothing is an error that names it") {
  const std::pair<std::string, std::string> rows[] = {
      {"/args/other", "there is no \"other\" in the job's arguments"},
      {"/args/n/01", "there is no \"01\" in the job's arguments"},
      {"/args/n/2", "there is no \"2\" in the job's arguments"},
      {"/args/n/-", "there is no \"-\" in the job's arguments"},
      {"/args/account/0", "there is no \"0\" in the job's arguments"},
      {"/steps/a/output/gone", "there is no \"gone\" in the output of the step a"},
      {"/steps/b/output", "the step b left no output"},
      {"/steps/x/output", "the job has no step x"},
      {"/steps/a/state", "of a step there is only its output"},
      {"/steps", "it must begin with /args or with /steps and a step's id"},
      {"", "it must begin with /args or with /steps and a step's id"},
  };
  for (const auto& [target, why] : rows) {
    const std::string error = resolved(R"({"$ref":")" + target + R"("})");
    INFO(error);
    CHECK(error.find("unresolved_reference: the reference \"" + target + "\"") == 0);
    CHECK(error.find(why) != std::string::npos);
  }
}

TEST_CASE("J7: references cannot multiply beyond the limit") {
  const JsonText expression(R"([{"$ref":"/args"},{"$ref":"/args"},{"$ref":"/args"}])");
  CHECK(std::holds_alternative<JsonText>(resolve(expression, job(), 150)));
  const Resolution resolution = resolve(expression, job(), 100);
  REQUIRE(std::holds_alternative<Error>(resolution));
  CHECK(std::get<Error>(resolution).message ==
        "with its references resolved it has more than 100 bytes, the limit");
}

TEST_CASE("J7: arguments are resolved then completed and checked") {
  const JobState state = job(R"({"account":{"$ref":"/args/account"}})");
  const JsonText schema(
      R"({"properties":{"account":{"type":"string"},"times":{"type":"integer","default":1}}})");

  CHECK(resolve_args(state, 2, JsonText()) == Resolution(JsonText(R"({"account":"A-1"})")));
  CHECK(resolve_args(state, 2, schema) == Resolution(JsonText(R"({"account":"A-1","times":1})")));
}

TEST_CASE("J7: arguments that do not fit are an error with the pointers of what is wrong") {
  const JobState state = job(R"({"account":{"$ref":"/args/n"}})");
  const Resolution resolution =
      resolve_args(state, 2, JsonText(R"({"properties":{"account":{"type":"string"}}})"));
  REQUIRE(std::holds_alternative<Error>(resolution));
  const Error& error = std::get<Error>(resolution);
  CHECK(error.code == "bad_arguments");
  CHECK(error.message ==
        "the arguments do not fit the step type: /account must be a text, not a list");
  CHECK(error.details.view() ==
        R"([{"code":"wrong_type","pointer":"/account","message":"must be a text, not a list"}])");
}

TEST_CASE("J7: arguments without references are never searched") {
  JobState state = job();
  JobDefinition definition = *state.definition;
  definition.steps[2].args = JsonText(R"({"x":{"$ref":"/args/account"}})");
  definition.steps[2].args_have_references = false;
  state.definition = std::make_shared<const JobDefinition>(std::move(definition));
  CHECK(resolve_args(state, 2, JsonText()) == Resolution(state.definition->steps[2].args));
}

TEST_CASE("J7: arguments come out with every digit they went in with") {
  const JobState state = job(R"({"a":182.87008094787598,"b":0.1000000000000000055,"c":1.0})");
  const JsonText schema(R"({"properties":{"a":{"type":"number"}}})");
  CHECK(resolve_args(state, 2, schema) == Resolution(state.definition->steps[2].args));
}

TEST_CASE("J9: a job's output is its expression or that of its only last step") {
  JobState state = job();
  state.steps[2].output = JsonText("[3]");
  CHECK(job_output(state) == Resolution(JsonText("[3]")));

  JobDefinition definition = *state.definition;
  definition.output =
      JsonText(R"({"account":{"$ref":"/args/account"},"c":{"$ref":"/steps/c/output/0"}})");
  state.definition = std::make_shared<const JobDefinition>(definition);
  CHECK(job_output(state) == Resolution(JsonText(R"({"account":"A-1","c":3})")));

  definition.output = {};
  definition.steps[2].after = {0};  // b and c are both last
  state.definition = std::make_shared<const JobDefinition>(definition);
  CHECK(job_output(state) == Resolution(JsonText()));
}
