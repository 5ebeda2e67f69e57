#include "host/engine/job_parser.hpp"

#include <catch2/catch.hpp>

using namespace stepd::engine;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view transfer = R"({"name": "transfer", "key": "order-42",
  "args": {"amount": 2500},
  "steps": [
    {"id": "out", "step": "bank.transfer_out",
     "args": {"account": "A-1", "cents": {"$ref": "/args/amount"}},
     "retry": {"attempts_max": 3, "initial": "200ms"}},
    {"id": "in",  "step": "bank.transfer_in",  "args": {"account": "B-7",
     "cents": {"$ref": "/args/amount"}, "memo": {"$ref": "/steps/out/output/receipt"}}}]})";

ParsedJob parsed(std::string_view text) { return parse_job(text, {}); }

/// "code pointer" of each problem.
std::vector<std::string> problems(std::string_view text) {
  std::vector<std::string> found;
  for (const Problem& problem : parsed(text).problems) {
    found.push_back(problem.code + " " + problem.pointer);
  }
  return found;
}

std::string message(std::string_view text) {
  const ParsedJob job = parsed(text);
  return job.problems.empty() ? "" : job.problems.front().message;
}

std::string repeated(std::string_view piece, std::size_t times) {
  std::string text;
  for (; times > 0; --times) text += piece;
  return text;
}

std::string with_step(const std::string& members) {
  return R"({"steps":[{"id":"a","step":"b.c",)" + members + "}]}";
}

}  // namespace

TEST_CASE("a job is read as it was sent with its arguments untouched") {
  const ParsedJob job = parsed(transfer);

  REQUIRE(job.problems.empty());
  CHECK_FALSE(job.rerun_unsuccessful);
  JobDefinition expected{
      .name = "transfer", .key = "order-42", .args = JsonText(R"({"amount":2500})")};
  expected.steps.push_back(
      {.id = "out",
       .type = "bank.transfer_out",
       .args = JsonText(R"({"account":"A-1","cents":{"$ref":"/args/amount"}})"),
       .retry = {.attempts_max = 3, .initial = 200ms}});
  expected.steps.push_back({.id = "in",
                            .type = "bank.transfer_in",
                            .args = JsonText(R"({"account":"B-7","cents":{"$ref":"/args/amount"},)"
                                             R"("memo":{"$ref":"/steps/out/output/receipt"}})"),
                            .after = {0}});
  CHECK(job.definition == expected);
}

TEST_CASE("every member of a job is read") {
  const ParsedJob job = parsed(R"({"steps":[{"id":"a","step":"b.c","args":{"x":0.10,"y":1e2},
      "retry":{"attempts_max":"unlimited","initial":"1s","max":"1m","multiplier":1.5,"jitter":0},
      "compensate_retry":{"attempts_max":2.0},"timeout":"30s","heartbeat":"5s",
      "compensate_timeout":"1.5h"}],
      "deadline":"7d","output":{"x":[{"$ref":"/args"}]},"on_settled":"rerun_unsuccessful"})");

  REQUIRE(job.problems.empty());
  CHECK(job.rerun_unsuccessful);
  CHECK(job.definition.deadline == 168h);
  CHECK(job.definition.output.view() == R"({"x":[{"$ref":"/args"}]})");
  CHECK(job.definition.args.empty());
  const StepDefinition& step = job.definition.steps.at(0);
  CHECK(step.args.view() == R"({"x":0.10,"y":1e2})");
  CHECK(step.retry ==
        RetryOverrides{
            .attempts_max = 0, .initial = 1s, .max = 1min, .multiplier = 1.5, .jitter = 0});
  CHECK(step.compensate_retry == RetryOverrides{.attempts_max = 2});
  CHECK(step.timeout == 30s);
  CHECK(step.heartbeat == 5s);
  CHECK(step.compensate_timeout == 90min);
}

TEST_CASE("names and texts may be written with escapes") {
  const ParsedJob job =
      parsed(R"({"n\u0061me":"\u00e4\"","steps":[{"id":"\u0061","step":"b.c"}]})");
  REQUIRE(job.problems.empty());
  CHECK(job.definition.name == "ä\"");
  CHECK(job.definition.steps.at(0).id == "a");
}

TEST_CASE("J6: what a job must not be is refused with its pointer") {
  const std::pair<std::string, std::string> rows[] = {
      {"[]", "wrong_type "},
      {"5", "wrong_type "},
      {R"({"steps":{}})", "wrong_type /steps"},
      {R"({"steps":[5]})", "wrong_type /steps/0"},
      {R"({"steps":[],"name":5})", "wrong_type /name"},
      {R"({"steps":[],"key":null})", "wrong_type /key"},
      {R"({"steps":[],"key":""})", "bad_name /key"},
      {R"({"steps":[],"args":[]})", "wrong_type /args"},
      {R"({"steps":[],"deadline":5})", "wrong_type /deadline"},
      {R"({"steps":[],"deadline":"5 s"})", "bad_span /deadline"},
      {R"({"steps":[],"on_settled":"rerun"})", "not_allowed /on_settled"},
      {R"({"steps":[],"stepz":[]})", "unknown_member /stepz"},
      {R"({"steps":[],"a/b":[]})", "unknown_member /a~1b"},
      {with_step(R"("args":"x")"), "wrong_type /steps/0/args"},
      {with_step(R"("after":"a")"), "wrong_type /steps/0/after"},
      {with_step(R"("after":[0])"), "wrong_type /steps/0/after/0"},
      {with_step(R"("after":["b"])"), "unknown_step /steps/0/after/0"},
      {with_step(R"("pivot":1)"), "wrong_type /steps/0/pivot"},
      {with_step(R"("privot":true)"), "unknown_member /steps/0/privot"},
      {with_step(R"("retry":3)"), "wrong_type /steps/0/retry"},
      {with_step(R"("retry":{"attempts":3})"), "unknown_member /steps/0/retry/attempts"},
      {with_step(R"("retry":{"attempts_max":0})"), "out_of_range /steps/0/retry/attempts_max"},
      {with_step(R"("retry":{"attempts_max":1.5})"), "out_of_range /steps/0/retry/attempts_max"},
      {with_step(R"("retry":{"attempts_max":4294967296})"),
       "out_of_range /steps/0/retry/attempts_max"},
      {with_step(R"("retry":{"attempts_max":"many"})"), "wrong_type /steps/0/retry/attempts_max"},
      {with_step(R"("retry":{"jitter":"0.1"})"), "wrong_type /steps/0/retry/jitter"},
      {with_step(R"("timeout":"-5s")"), "bad_span /steps/0/timeout"},
  };
  for (const auto& [text, problem] : rows) {
    INFO(text);
    CHECK(problems(text) == std::vector<std::string>{problem});
  }
}

TEST_CASE("J6: problems say what would do") {
  CHECK(message(R"({"steps":[],"nmae":"x"})") == "is no member of a job (did you mean \"name\"?)");
  CHECK(message(with_step(R"("timeot":"5s")")) ==
        "is no member of a step (did you mean \"timeout\"?)");
  CHECK(message(with_step(R"("priority":1)")) ==
        "is no member of a step; its members are \"id\", \"step\", \"args\", \"after\", "
        "\"pivot\", \"retry\", \"compensate_retry\", \"timeout\", \"heartbeat\", "
        "\"compensate_timeout\"");
  CHECK(message(R"({"steps":[{"id":"first"},{"after":["frist"]}]})") ==
        "names no step of the job: \"frist\" (did you mean \"first\"?)");
  CHECK(message(R"({"steps":"x"})") == "must be a list of steps, not a text");
  CHECK(message(with_step(R"("timeout":30)")) ==
        "must be a span as text, such as \"200ms\", \"5s\", \"5m\" or \"2h\", not a number");
  CHECK(message("{\n \"steps\": [}") == "it is no JSON from here on (line 2, column 12, byte 13)");
}

TEST_CASE("J1: a step comes after those it names or else after the one before it") {
  const ParsedJob job = parse_job(R"({"steps":[
      {"id":"a"}, {"id":"b"}, {"id":"c","after":["a"]}, {"id":"d","after":["c","b"]},
      {"id":"e","after":[]}, {"id":"f","after":["g"]}, {"id":"g","after":["\u0061"]}]})",
                                  Limits{});

  REQUIRE(job.problems.empty());
  std::vector<std::vector<StepIndex>> after;
  for (const StepDefinition& step : job.definition.steps) after.push_back(step.after);
  CHECK(after == std::vector<std::vector<StepIndex>>{{}, {0}, {0}, {2, 1}, {}, {6}, {0}});
}

TEST_CASE("J6: every problem of a job is told at once up to a limit") {
  CHECK(problems(R"({"name":1,"args":2,"steps":[{"id":3},{"step":4}]})").size() == 4);
  std::string many = "{\"steps\":[]";
  for (int member = 0; member < 100'000; ++member) many += ",\"m" + std::to_string(member) + "\":0";
  CHECK(problems(many + "}").size() == problems_max);
}

TEST_CASE("J3: what would not be kept as it was sent is refused") {
  CHECK(problems(with_step(R"("args":{"x":1,"x":1})")) ==
        std::vector<std::string>{"duplicate_member /steps/0/args/x"});
  CHECK(problems(R"({"name":"a","steps":[],"name":"b"})") ==
        std::vector<std::string>{"duplicate_member /name"});
  CHECK(problems(with_step(R"("args":{"x":18446744073709551616})")) ==
        std::vector<std::string>{"number_out_of_range /steps/0/args/x"});
  CHECK(problems(with_step(R"("args":{"x":1e400})")) ==
        std::vector<std::string>{"number_out_of_range /steps/0/args/x"});
}

TEST_CASE("malformed JSON has the code that tells it from a bad job") {
  for (const std::string text : {"", "{", "{\"name\": \"\xff\"}", "{\"a\":1}}", "hello"}) {
    INFO(text);
    const ParsedJob job = parsed(text);
    REQUIRE(job.problems.size() == 1);
    CHECK(job.problems[0].code == malformed_json_code);
  }
}

TEST_CASE("J6: hostile sizes are refused") {
  CHECK(problems(repeated("{\"steps\":", 100'000)) == std::vector<std::string>{"too_deep "});
  CHECK(problems(with_step("\"args\":{\"x\":" + repeated("[", 100'000) + repeated("]", 100'000) +
                           "}")) == std::vector<std::string>{"too_deep "});

  const std::string steps = "{\"steps\":[{}" + repeated(",{}", 10'000) + "]}";
  CHECK(problems(steps) == std::vector<std::string>{"too_many_steps /steps"});
  CHECK(message(steps).find("has 10001 steps; the limit is 10000") == 0);

  ParsedJob large = parsed(with_step("\"args\":{\"x\":\"" + repeated("y", 2U << 20U) + "\"}"));
  REQUIRE(large.problems.empty());
  const Validated validated = validate(std::move(large.definition), {}, {}, {});
  REQUIRE(validated.problems.size() == 1);
  CHECK(validated.problems[0].code == "too_large");
  CHECK(validated.problems[0].pointer == "/steps/0/args");
  CHECK(validated.problems[0].message.find("has 2097160 bytes; the limit is 1048576") == 0);
}

TEST_CASE("J3: the content of a job is what was sent however it was written") {
  const std::string first =
      parsed(R"({"key":"k","args":{"a":1,"b":[2.50]},"steps":[{"id":"a","step":"b.c"}]})")
          .canonical;
  CHECK_FALSE(first.empty());
  for (const std::string_view same :
       {R"({"steps":[{"step":"b.c","id":"a"}],"args":{"b":[25e-1],"a":1.0},"key":"\u006b"})",
        R"({"key":"k","args":{"a":1,"b":[2.50]},"steps":[{"id":"a","step":"b.c"}],
            "on_settled":"rerun_unsuccessful"})"}) {
    INFO(same);
    CHECK(parsed(same).canonical == first);
  }
  for (const std::string_view other :
       {R"({"key":"k","args":{"a":1,"b":[2.51]},"steps":[{"id":"a","step":"b.c"}]})",
        R"({"key":"l","args":{"a":1,"b":[2.50]},"steps":[{"id":"a","step":"b.c"}]})",
        R"({"key":"k","args":{"a":1,"b":[2.50]},"steps":[{"id":"a","step":"b.c","args":{}}]})",
        R"({"key":"k","name":"","args":{"a":1,"b":[2.50]},"steps":[{"id":"a","step":"b.c"}]})"}) {
    INFO(other);
    CHECK(parsed(other).canonical != first);
  }
}

TEST_CASE("J3: a job without a key has no content to compare") {
  CHECK(parsed(R"({"steps":[{"id":"a","step":"b.c"}]})").canonical.empty());
}
