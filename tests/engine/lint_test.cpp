#include "host/engine/lint.hpp"

#include <catch2/catch.hpp>

#include "host/engine/catalogue.hpp"
#include "tests/support/step_list.hpp"

using namespace stepd::engine;
using stepd::testing::list_of;
using namespace std::chrono_literals;

namespace {

Catalogue catalogue() {
  Catalogue made;
  made.types["demo.plain"] = {.name = "demo.plain"};
  made.types["demo.thrice"] = {.name = "demo.thrice", .retry = {.attempts_max = 3}};
  const std::string closed =
      R"({"type":"object","properties":{"text":{"type":"string"}},"additionalProperties":false})";
  made.types["demo.closed"] = {.name = "demo.closed", .output_schema = JsonText(closed)};
  made.types["bank.out"] = {.name = "bank.out", .kind = StepKind::saga};
  return made;
}

std::vector<std::string> warnings(JobDefinition job) {
  std::vector<std::string> found;
  for (const Problem& warning : validate(std::move(job), catalogue(), {}, {}).warnings) {
    found.push_back(warning.code + " " + warning.pointer);
  }
  return found;
}

using Found = std::vector<std::string>;

}  // namespace

TEST_CASE("C4: a saga step behind the pivot is warned of") {
  JobDefinition job = list_of({"bank.out", "demo.plain", "bank.out", "demo.plain"});
  CHECK(warnings(job).empty());
  job.steps[1].pivot = true;
  CHECK(warnings(job) == Found{"saga_after_pivot /steps/2/step"});
  job.steps[1].pivot = false;
  job.steps[2].pivot = true;
  CHECK(warnings(job).empty());
}

TEST_CASE("C4: a step before the pivot that is given up and cannot be undone is warned of") {
  JobDefinition job = list_of({"demo.thrice", "demo.plain", "demo.plain", "demo.thrice"});
  CHECK(warnings(job).empty());
  job.steps[2].pivot = true;
  CHECK(warnings(job) == Found{"left_before_pivot /steps/0/step"});
  job.steps[1].retry.attempts_max = 2;
  CHECK(warnings(job) ==
        Found{"left_before_pivot /steps/0/step", "left_before_pivot /steps/1/step"});
}

TEST_CASE("A5: a retry without end before a deadline is warned of once") {
  JobDefinition job = list_of({"demo.thrice", "demo.plain", "demo.plain", "demo.plain"});
  CHECK(warnings(job).empty());
  job.deadline = 5min;
  const Validated validated = validate(job, catalogue(), {}, {});
  REQUIRE(validated.warnings.size() == 1);
  CHECK(validated.warnings[0].code == "endless_retry");
  CHECK(validated.warnings[0].pointer == "/deadline");
  CHECK(validated.warnings[0].message.find("\"s1\" and 2 more") != std::string::npos);

  job.steps[1].pivot = true;  // behind it a deadline changes nothing
  job.steps[1].retry.attempts_max = 5;
  CHECK(warnings(job) == Found{"left_before_pivot /steps/0/step"});
}

TEST_CASE("J8: a step whose type is not known is warned of for that alone") {
  JobDefinition job = list_of({"demo.unknown", "demo.plain"});
  job.steps[1].pivot = true;
  job.steps[1].retry.attempts_max = 5;
  job.deadline = 5min;
  CHECK(warnings(job) == Found{"unknown_step_type /steps/0/step"});
}

TEST_CASE("J7 J9: a reference to what no output of the step's type has is warned of") {
  JobDefinition job = list_of({"demo.closed", "demo.plain"});
  job.steps[1].args =
      JsonText(R"({"a":{"$ref":"/steps/s0/output/text"},"b":[{"$ref":"/steps/s0/output"}]})");
  job.output = JsonText(R"({"$ref":"/steps/s1/output/anything"})");
  CHECK(warnings(job).empty());

  job.steps[1].args = JsonText(R"({"a":{"$ref":"/steps/s0/output/tekst"}})");
  job.output = JsonText(R"({"$ref":"/steps/s0/output/text/0"})");
  CHECK(warnings(job) == Found{"never_there /steps/1/args/a", "never_there /output"});
}
