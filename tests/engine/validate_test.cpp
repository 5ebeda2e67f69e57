#include "host/engine/validate.hpp"

#include <catch2/catch.hpp>

#include "tests/support/step_list.hpp"

using namespace stepd::engine;
using namespace std::chrono_literals;

namespace {

Catalogue catalogue() {
  Catalogue made;
  made.types["demo.plain"] = {.name = "demo.plain"};
  made.types["demo.greet"] = {
      .name = "demo.greet",
      .version = 3,
      .timeout = 30s,
      .args_schema = JsonText(
          R"({"type":"object","additionalProperties":false,"required":["name"],
              "properties":{"name":{"type":"string"},"times":{"type":"integer","default":1}}})")};
  made.types["bank.out"] = {.name = "bank.out", .kind = StepKind::saga, .retry = {.max = 1min}};
  return made;
}

/// About somebody.
JobDefinition list(const std::vector<std::string>& types) {
  JobDefinition job = stepd::testing::list_of(types);
  job.args = JsonText(R"({"who":"Ada","n":[1]})");
  return job;
}

Validated judged(JobDefinition job, const Limits& limits = {}) {
  return validate(std::move(job), catalogue(), {}, limits);
}

std::vector<std::string> problems(JobDefinition job, const Limits& limits = {}) {
  std::vector<std::string> found;
  for (const Problem& problem : judged(std::move(job), limits).problems) {
    found.push_back(problem.code + " " + problem.pointer);
    CHECK_FALSE(problem.message.empty());
  }
  return found;
}

using Found = std::vector<std::string>;

}  // namespace

TEST_CASE("J2: an accepted step keeps a snapshot of its type with the policies merged") {
  JobDefinition job = list({"bank.out", "demo.greet"});
  job.steps[0].retry.initial = 2s;
  job.steps[1].args = JsonText(R"({"name":"Ada"})");
  const Validated validated = judged(job);

  REQUIRE(validated.problems.empty());
  CHECK(validated.warnings.empty());
  CHECK(validated.definition.steps[0].snapshot ==
        StepTypeSnapshot{.kind = StepKind::saga,
                         .retry = {.attempts_max = 5, .initial = 2s, .max = 1min}});
  CHECK(validated.definition.steps[1].snapshot == StepTypeSnapshot{.version = 3, .timeout = 30s});
}

TEST_CASE("J7: defaults are filled in at submit where nothing is left to resolve") {
  JobDefinition job = list({"demo.greet", "demo.greet", "demo.plain"});
  job.steps[0].args = JsonText(R"({"name":"Ada"})");
  job.steps[1].args = JsonText(R"({"name":{"$ref":"/args/who"}})");
  const Validated validated = judged(job);

  REQUIRE(validated.problems.empty());
  const auto& steps = validated.definition.steps;
  CHECK(steps[0].args.view() == R"({"name":"Ada","times":1})");
  CHECK_FALSE(steps[0].args_have_references);
  CHECK(steps[1].args.view() == R"({"name":{"$ref":"/args/who"}})");
  CHECK(steps[1].args_have_references);
  CHECK(steps[2].args.view() == "{}");
}

TEST_CASE("J7: a literal is left to be unwrapped when the step starts") {
  JobDefinition job = list({"demo.plain"});
  job.steps[0].args = JsonText(R"({"x":{"$literal":{"$ref":"/gone"}}})");
  const Validated validated = judged(job);
  CHECK(validated.problems.empty());
  CHECK(validated.definition.steps[0].args_have_references);
}

TEST_CASE("J8: an unknown step type is a warning once and leaves the snapshot open") {
  const Validated validated = judged(list({"demo.gret", "demo.gret", "x.y"}));
  CHECK(validated.problems.empty());
  REQUIRE(validated.warnings.size() == 2);
  CHECK(validated.warnings[0] ==
        Problem{"unknown_step_type", "/steps/0/step",
                "no loaded plugin offers the step type \"demo.gret\" (did you mean "
                "\"demo.greet\"?): the step would wait until one is put into the plugins folder"});
  CHECK(validated.warnings[1].pointer == "/steps/2/step");
  CHECK_FALSE(validated.definition.steps[0].snapshot);
}

TEST_CASE("J6: a job without steps is refused") {
  CHECK(problems(list({})) == Found{"no_steps /steps"});
}

TEST_CASE("J6: names are refused where they stand") {
  JobDefinition job = list({"demo.plain", "demo.plain", "demo.plain", "demo.plain"});
  job.name = "a\nb";
  job.key = std::string(201, 'k');
  job.steps[0].id = "";
  job.steps[1].id = "a/b";
  job.steps[2].type = "";
  job.steps[3].type = "demo plain";
  CHECK(problems(job) == Found{"bad_name /name", "too_long /key", "missing_member /steps/0/id",
                               "bad_name /steps/1/id", "missing_member /steps/2/step",
                               "bad_name /steps/3/step"});
}

TEST_CASE("J6: a duplicate id is refused and names the first") {
  JobDefinition job = list({"demo.plain", "demo.plain", "demo.plain"});
  job.steps[2].id = "s0";
  const Validated validated = judged(job);
  REQUIRE(validated.problems.size() == 1);
  CHECK(validated.problems[0] ==
        Problem{"duplicate_step", "/steps/2/id",
                "is the id \"s0\" of the step at /steps/0 already; give each step its own"});
}

TEST_CASE("J6: arguments that do not fit are refused with pointers into what was sent") {
  JobDefinition job = list({"demo.plain", "demo.greet", "demo.greet"});
  job.steps[1].args = JsonText(R"({"nam":"Ada","times":"2"})");
  job.steps[2].args = JsonText(R"({"name":{"$ref":"/args/who"},"times":"2"})");
  CHECK(problems(job) == Found{"missing_member /steps/1/args/name",
                               "unknown_member /steps/1/args/nam", "wrong_type /steps/1/args/times",
                               "wrong_type /steps/2/args/times"});
}

TEST_CASE("J6: references are refused unless what they point at is there before the step") {
  const std::pair<std::string, Found> rows[] = {
      {"/args/who", {}},
      {"/args/n/0", {}},
      {"/args", {}},
      {"/steps/s0/output/any/thing", {}},
      {"/steps/s0/output", {}},
      {"/args/whom", {"bad_reference /steps/1/args/x/0"}},
      {"/args/n/1", {"bad_reference /steps/1/args/x/0"}},
      {"/steps/s1/output", {"not_before /steps/1/args/x/0"}},
      {"/steps/s2/output", {"not_before /steps/1/args/x/0"}},
      {"/steps/s9/output", {"unknown_step /steps/1/args/x/0"}},
      {"/steps/s0/state", {"bad_reference /steps/1/args/x/0"}},
      {"/steps", {"bad_reference /steps/1/args/x/0"}},
      {"", {"bad_reference /steps/1/args/x/0"}},
      {"/outputs", {"bad_reference /steps/1/args/x/0"}},
      {"args/who", {"bad_reference /steps/1/args/x/0"}}};
  for (const auto& [target, found] : rows) {
    INFO(target);
    JobDefinition job = list({"demo.plain", "demo.plain", "demo.plain"});
    job.steps[1].args = JsonText(R"({"x":[{"$ref":")" + target + R"("}]})");
    CHECK(problems(job) == found);
  }
}

TEST_CASE("J6: a reference whose dollar is escaped is found all the same") {
  JobDefinition job = list({"demo.plain"});
  job.steps[0].args = JsonText(R"({"x":{"\u0024ref":"/args/whom"}})");
  CHECK(problems(job) == Found{"bad_reference /steps/0/args/x"});
}

TEST_CASE("J6: a reference to a parallel step is refused") {
  JobDefinition job = list({"demo.plain", "demo.plain", "demo.plain"});
  job.steps[1].after = {};
  job.steps[2].after = {0, 1};
  job.steps[1].args = JsonText(R"({"x":{"$ref":"/steps/s0/output"}})");
  job.steps[2].args = JsonText(R"({"x":{"$ref":"/steps/s0/output"}})");
  CHECK(problems(job) == Found{"not_before /steps/1/args/x"});
}

TEST_CASE("J9: the output may refer to every step") {
  JobDefinition job = list({"demo.plain", "demo.plain"});
  job.output = JsonText(R"({"a":{"$ref":"/steps/s1/output"},"b":{"$ref":"/steps/x/output"}})");
  CHECK(problems(job) == Found{"unknown_step /output/b"});
}

TEST_CASE("J6: a saga step whose policy has no end is refused") {
  JobDefinition job = list({"bank.out", "demo.plain"});
  job.steps[0].retry.attempts_max = 0;
  job.steps[1].retry.attempts_max = 0;
  CHECK(problems(job) == Found{"endless_saga_retry /steps/0/retry/attempts_max"});
}

TEST_CASE("A3: the policy of a saga step ends even when its type was unknown at submit") {
  StepDefinition step{.id = "a", .type = "bank.out"};
  step.retry.attempts_max = 0;
  CHECK(snapshot_of(*catalogue().find("bank.out"), step, {}).retry.attempts_max == 5);
  CHECK(snapshot_of(*catalogue().find("demo.plain"), step, {}).retry.attempts_max == 0);
}

TEST_CASE("J6: policies and spans outside their range are refused") {
  JobDefinition job = list({"demo.plain"});
  job.deadline = 0s;
  job.steps[0].retry = {.initial = 10s, .max = 5s, .multiplier = 0.5, .jitter = 1.5};
  job.steps[0].compensate_retry = {.initial = -1s};
  job.steps[0].timeout = 0s;
  job.steps[0].heartbeat = Duration::max();
  CHECK(problems(job) == Found{"out_of_range /deadline", "out_of_range /steps/0/retry/initial",
                               "out_of_range /steps/0/retry/multiplier",
                               "out_of_range /steps/0/retry/jitter",
                               "out_of_range /steps/0/compensate_retry/initial",
                               "out_of_range /steps/0/timeout", "out_of_range /steps/0/heartbeat"});
}

TEST_CASE("J6: a predecessor that is none and a cycle are refused") {
  JobDefinition unknown = list({"demo.plain", "demo.plain"});
  unknown.steps[1].after = {0, 0, 7};
  CHECK(problems(unknown) ==
        Found{"repeated_element /steps/1/after/1", "unknown_step /steps/1/after/2"});

  JobDefinition cycle = list({"demo.plain", "demo.plain", "demo.plain"});
  cycle.steps[0].after = {2};
  const Validated validated = judged(cycle);
  REQUIRE(validated.problems.size() == 1);
  CHECK(validated.problems[0].code == "cycle");
  CHECK(validated.problems[0].message.find(" → ") != std::string::npos);
}

TEST_CASE("J6: two pivots and a step beside the pivot are refused") {
  JobDefinition two = list({"demo.plain", "demo.plain"});
  two.steps[0].pivot = two.steps[1].pivot = true;
  CHECK(problems(two) == Found{"several_pivots /steps/1/pivot"});

  JobDefinition beside = list({"demo.plain", "demo.plain", "demo.plain"});
  beside.steps[2].after = {0};
  beside.steps[1].pivot = true;
  CHECK(problems(beside) == Found{"beside_pivot /steps/2/after"});
  beside.steps[2].after = {1};
  CHECK(problems(beside).empty());
}

TEST_CASE("J6: limits are refused with both sizes") {
  JobDefinition job = list({"demo.plain"});
  job.args = JsonText("{\"a\":\"" + std::string(100, 'x') + "\"}");
  job.steps[0].args = job.args;
  const Validated validated = judged(job, {.args_bytes_max = 50});
  REQUIRE(validated.problems.size() == 2);
  CHECK(validated.problems[0].pointer == "/args");
  CHECK(validated.problems[1].pointer == "/steps/0/args");
  CHECK(validated.problems[1].message.find("has 108 bytes; the limit is 50") == 0);

  const Validated long_list = judged(list({"a.b", "a.b", "a.b"}), {.steps_max = 2});
  REQUIRE(long_list.problems.size() == 1);
  CHECK(long_list.problems[0].message.find("has 3 steps; the limit is 2") == 0);
}

TEST_CASE("a job with more problems than anybody reads is refused with the first of them") {
  JobDefinition job = list(std::vector<std::string>(10'000, "demo.plain"));
  for (StepDefinition& step : job.steps) {
    step.args = JsonText(R"({"x":{"$ref":"/steps/nowhere/output"}})");
  }
  CHECK(judged(job).problems.size() == problems_max);
}

TEST_CASE("a tenant is a word") {
  JobDefinition job = list({"demo.plain"});
  job.tenant = "a b";
  CHECK(problems(job) == Found{"bad_name "});
}
