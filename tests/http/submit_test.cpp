#include <catch2/catch.hpp>

#include "tests/http/served.hpp"

namespace stepd::http {
namespace {

using testing::Response;
using testing::Served;

/// A host that can run `demo.greet {"name"}`.
engine::Catalogue greeting() {
  engine::StepType type;
  type.name = "demo.greet";
  type.title = "Greet";
  type.args_schema = engine::JsonText(
      R"({"type":"object","properties":{"name":{"type":"string"}},"required":["name"]})");
  type.plugin = "demo 1.0.0";
  engine::Catalogue catalogue;
  catalogue.types.emplace(type.name, type);
  return catalogue;
}

const std::string greet = R"({"name":"hi","steps":[{"id":"a","step":"demo.greet",
                              "args":{"name":"you"}}]})";

std::string keyed(const std::string& name) {
  return R"({"key":"k","name":")" + name +
         R"(","steps":[{"id":"a","step":"demo.greet","args":{"name":"you"}}]})";
}

TEST_CASE("J2: a job that is accepted is answered with its id and place") {
  Served served;
  served.host.set_catalogue(greeting());

  const Response response = served.post("/v1/jobs", greet);

  CHECK(response.status == 201);
  const auto answer = response.json();
  const std::string id(answer.at("id").as_string());
  CHECK_FALSE(answer.at("existing").as_bool());
  CHECK(answer.at("warnings").as_array().empty());
  CHECK(response.fields.at("location") == "/v1/jobs/" + id);
  CHECK(served.get("/v1/jobs/" + id).status == 200);
}

TEST_CASE("J8: strict refuses an unknown step type and no other warning") {
  Served served;
  served.host.set_catalogue(greeting());
  const std::string with_deadline = R"({"deadline":"1m","steps":[{"id":"a","step":"demo.greet",
                                        "args":{"name":"x"}}]})";

  const Response pitfall = served.post("/v1/jobs?strict=true", with_deadline);
  const Response unknown =
      served.post("/v1/jobs?strict=true", R"({"steps":[{"id":"a","step":"nobody.knows"}]})");

  CHECK(pitfall.status == 201);
  CHECK(pitfall.json().at("warnings").at(0).at("code") == "endless_retry");
  CHECK(unknown.status == 422);
  CHECK(unknown.detail().find("refused because strict was asked for") != std::string::npos);
}

TEST_CASE("a test plays every path of a job and records nothing") {
  Served served;
  engine::Catalogue catalogue = greeting();
  engine::StepType& greets = catalogue.types.at("demo.greet");
  greets.kind = engine::StepKind::saga;
  greets.output_schema = engine::JsonText(
      R"({"type":"object","properties":{"text":{"type":"string"}},"required":["text"]})");
  served.host.set_catalogue(catalogue);
  const std::string job = R"({"name":"t","steps":[
      {"id":"a","step":"demo.greet","args":{"name":"you"}},
      {"id":"b","step":"demo.greet","args":{"name":{"$ref":"/steps/a/output/text"}}}]})";

  const Response all = served.post("/v1/jobs:test", R"({"job":)" + job + "}");
  const Response one = served.post("/v1/jobs:test", R"({"path":"b:failed","job":)" + job +
                                                        R"(,"outputs":{"a":{"text":"seen"}}})");

  CHECK(all.status == 200);
  const auto played = all.json();
  CHECK(played.at("paths") == played.at("played"));
  CHECK(played.at("verdicts").at("broken") == 0);
  CHECK(played.at("results").at(0).at("path") == "all_well");
  CHECK(played.at("results").at(0).at("ended") == "succeeded");
  CHECK_FALSE(played.at("results").at(0).as_object().contains("journal"));
  CHECK(one.json().at("results").at(0).at("ended") == "compensated");
  CHECK(one.body.find(R"({"name":"seen"})") != one.body.npos);
  CHECK(served.host.jobs_kept() == 0);
}

TEST_CASE("a test of what cannot be tested is refused with the reason") {
  Served served;
  served.host.set_catalogue(greeting());
  const std::string job = R"({"steps":[{"id":"a","step":"demo.greet","args":{"name":"x"}}]})";
  const auto asked = [&](const std::string& body) { return served.post("/v1/jobs:test", body); };

  CHECK(asked(job).code() == "missing_field");
  CHECK(asked("[]").code() == "missing_field");
  CHECK(asked(R"({"job":{"steps":[}})").code() == "malformed_json");
  CHECK(asked(R"({"job":)" + job + job + "}").code() == "malformed_json");
  CHECK(asked(R"({"job":{"steps":[]}})").code() == "no_steps");
  CHECK(asked(R"({"job":{"steps":[{"id":"a","step":"nobody.knows"}]}})").code() ==
        "unknown_step_type");
  CHECK(asked(R"({"job":)" + job + R"(,"path":"a:sold"})").code() == "unknown_path");
  const Response timeless = asked(R"({"job":)" + job + R"(,"path":"a:timed_out"})");
  CHECK(timeless.code() == "no_such_path");
  CHECK(timeless.detail().find("it has no time-out") != std::string::npos);
  CHECK(asked(R"({"job":)" + job + R"(,"outputs":{"z":1}})").code() == "unknown_step");
  CHECK(asked(R"({"job":)" + job + R"(,"speed":1})").code() == "unknown_field");
}

TEST_CASE("a test refuses an output that does not fit its step type") {
  Served served;
  engine::Catalogue catalogue = greeting();
  catalogue.types.at("demo.greet").output_schema = engine::JsonText(
      R"({"type":"object","properties":{"text":{"type":"string"}},"required":["text"]})");
  served.host.set_catalogue(catalogue);

  const Response response =
      served.post("/v1/jobs:test",
                  R"({"job":{"steps":[{"id":"a","step":"demo.greet","args":{"name":"x"}}]},
          "outputs":{"a":{"text":7}}})");

  CHECK(response.code() == "output_does_not_fit");
  CHECK(response.detail().find("/outputs/a/text: ") == 0);
}

TEST_CASE("a plan says how a job would run and records nothing") {
  Served served;
  engine::Catalogue catalogue = greeting();
  catalogue.types["bank.out"] = {
      .name = "bank.out", .kind = engine::StepKind::saga, .timeout = std::chrono::seconds(2)};
  served.host.set_catalogue(catalogue);

  const Response response = served.post("/v1/jobs:plan", R"({"name":"p","steps":[
      {"id":"b","step":"bank.out","after":["a"],"retry":{"attempts_max":1}},
      {"id":"a","step":"bank.out","after":[],"retry":{"attempts_max":1}},
      {"id":"g","step":"demo.greet","args":{"name":"x"},"after":["b"],"pivot":true},
      {"id":"h","step":"nobody.knows","after":["g"]}]})");

  CHECK(response.status == 200);
  const auto plan = response.json();
  const auto& steps = plan.at("steps").as_array();
  REQUIRE(steps.size() == 4);
  CHECK(steps[0].at("id") == "a");
  CHECK(steps[0].at("longest") == "2s");
  CHECK(steps[1].at("after") == boost::json::array{"a"});
  CHECK(steps[1].at("kind") == "saga");
  CHECK(steps[2].at("pivot").as_bool());
  CHECK(steps[2].at("plugin") == "demo 1.0.0");
  CHECK(steps[3].at("plugin").is_null());
  CHECK(steps[3].at("kind").is_null());
  CHECK(plan.at("longest").is_null());
  CHECK(plan.at("compensation").at("order") == boost::json::array{"b", "a"});
  CHECK(plan.at("warnings").at(0).at("code") == "unknown_step_type");
  CHECK(served.host.jobs_kept() == 0);
  CHECK(served.post("/v1/jobs:plan", R"({"steps":[{"id":"a","step":"x","after":["a"]}]})").code() ==
        "cycle");
}

TEST_CASE("J3: the same key with the same content is answered with the first job") {
  Served served;
  served.host.set_catalogue(greeting());
  const std::string other_order =
      R"({"steps":[{"args":{"name":"you"},"step":"demo.greet","id":"a"}],"name":"one","key":"k"})";

  const Response first = served.post("/v1/jobs", keyed("one"));
  const Response again = served.post("/v1/jobs", other_order);

  CHECK(first.status == 201);
  CHECK(again.status == 200);
  CHECK(again.json().as_object().at("existing").as_bool());
  CHECK(again.json().as_object().at("id") == first.json().as_object().at("id"));
  CHECK(served.host.jobs_kept() == 1);
}

TEST_CASE("J3: the same key with other content is refused and names the job it belongs to") {
  Served served;
  served.host.set_catalogue(greeting());

  const Response first = served.post("/v1/jobs", keyed("one"));
  const Response other = served.post("/v1/jobs", keyed("two"));

  CHECK(other.status == 409);
  CHECK(other.code() == "key_taken");
  CHECK(other.json().as_object().at("id") == first.json().as_object().at("id"));
  CHECK(served.host.jobs_kept() == 1);
}

TEST_CASE("J3: each tenant has keys of its own") {
  Served served;
  served.host.set_catalogue(greeting());

  CHECK(served.post("/v1/jobs", keyed("one"), "X-Stepd-Tenant: a\r\n").status == 201);
  CHECK(served.post("/v1/jobs", keyed("two"), "X-Stepd-Tenant: b\r\n").status == 201);
}

TEST_CASE("J8: an unknown step type is a warning and under strict a refusal") {
  Served served;

  const Response loose = served.post("/v1/jobs", greet);
  const Response strict = served.post("/v1/jobs?strict=true", greet);

  CHECK(loose.status == 201);
  REQUIRE(loose.json().as_object().at("warnings").as_array().size() == 1);
  CHECK(loose.json().at("warnings").at(0).at("pointer") == "/steps/0/step");
  CHECK(strict.status == 422);
  CHECK(strict.json().at("errors").at(0).at("pointer") == "/steps/0/step");
  CHECK(strict.detail().find("demo.greet") != std::string::npos);
  CHECK(served.host.jobs_kept() == 1);
}

struct BadJob {
  std::string what;
  std::string text;
  int status;
};

std::string step_with(const std::string& members) {
  return R"({"steps":[{"id":"a","step":"demo.greet","args":{"name":"x"},)" + members + "}]}";
}

std::string args_of_bytes(std::size_t bytes) {
  return R"({"steps":[{"id":"a","step":"demo.greet","args":{"name":")" + std::string(bytes, 'x') +
         R"("}}]})";
}

std::string job_of_steps(std::size_t count) {
  std::string text = R"({"steps":[)";
  for (std::size_t step = 0; step < count; ++step) {
    if (step > 0) text += ',';
    text += R"({"id":"s)" + std::to_string(step) + R"(","step":"demo.greet","args":{"name":"x"}})";
  }
  return text + "]}";
}

TEST_CASE("J6: what is wrong with a job is refused and nothing of it is recorded") {
  const std::string nested = std::string(100'000, '[') + std::string(100'000, ']');
  const std::string two = R"({"id":"a","step":"demo.greet","args":{"name":"x"}})";
  const BadJob bad = GENERATE_COPY(
      BadJob{"an empty body", "", 400}, BadJob{"no JSON", "{\"steps\":", 400},
      BadJob{"two documents", greet + greet, 400},
      BadJob{"no UTF-8", "{\"name\":\"\xC3\x28\",\"steps\":[" + two + "]}", 400},
      BadJob{"a byte order mark", "\xEF\xBB\xBF" + greet, 400},
      BadJob{"deep nesting", R"({"args":{"a":)" + nested + R"(},"steps":[]})", 422},
      BadJob{"deep nesting alone", nested, 422}, BadJob{"no object", "[1]", 422},
      BadJob{"no steps", R"({"name":"x"})", 422}, BadJob{"empty steps", R"({"steps":[]})", 422},
      BadJob{"an unknown field", R"({"nmae":"x","steps":[)" + two + "]}", 422},
      BadJob{"an unknown field of a step", step_with(R"("arg":1)"), 422},
      BadJob{"a wrong type", R"({"name":1,"steps":[)" + two + "]}", 422},
      BadJob{"args of a wrong type", R"({"args":[],"steps":[)" + two + "]}", 422},
      BadJob{"a duplicate member", R"({"name":"a","name":"b","steps":[)" + two + "]}", 422},
      BadJob{"a duplicate step", R"({"steps":[)" + two + "," + two + "]}", 422},
      BadJob{"a number too large", R"({"args":{"n":18446744073709551616},"steps":[)" + two + "]}",
             422},
      BadJob{"a reference to a step that is not there",
             R"({"steps":[{"id":"a","step":"demo.greet",
                 "args":{"name":{"$ref":"/steps/b/output"}}}]})",
             422},
      BadJob{"arguments that do not fit the schema",
             R"({"steps":[{"id":"a","step":"demo.greet","args":{"name":7}}]})", 422},
      BadJob{"a bad span", step_with(R"("timeout":"soon")"), 422},
      BadJob{"arguments of 2 MB", args_of_bytes(2 << 20), 422},
      BadJob{"a job of 10001 steps", job_of_steps(10'001), 422});
  Served served;
  served.host.set_catalogue(greeting());

  const Response response = served.post("/v1/jobs", bad.text);

  CAPTURE(bad.what, response.body.substr(0, 500));
  CHECK(response.status == bad.status);
  CHECK(response.fields.at("content-type") == "application/problem+json");
  CHECK_FALSE(response.code().empty());
  CHECK_FALSE(response.detail().empty());
  CHECK(served.host.jobs_kept() == 0);
  CHECK(served.host.submit_sizes().empty());
}

TEST_CASE("an argument over the limit is refused with both sizes") {
  Served served;
  served.host.set_catalogue(greeting());

  const Response response = served.post("/v1/jobs", args_of_bytes(2 << 20));

  CHECK(response.detail().find("1048576") != std::string::npos);
  CHECK(response.detail().find("20971") != std::string::npos);
}

TEST_CASE("a job as large as is allowed is accepted") {
  Served served;
  served.host.set_catalogue(greeting());

  CHECK(served.post("/v1/jobs", job_of_steps(10'000)).status == 201);
}

TEST_CASE("what the host could not store is not acknowledged") {
  Served served;
  served.host.script([&](auto& script) {
    script.submit_answer = runtime::NotStored{"the disk is full: make room"};
  });
  const Response full = served.post("/v1/jobs", greet);
  CHECK(full.status == 507);
  CHECK(full.detail() == "the disk is full: make room");

  served.host.script([](auto& script) { script.health.ending = true; });
  CHECK(served.post("/v1/jobs", greet).status == 503);
}

TEST_CASE("D1: a job that the store does not take is refused for good") {
  Served served;
  served.host.script([](auto& script) {
    script.submit_answer = runtime::NotStorable{"the store does not take this job: too big"};
  });

  const Response response = served.post("/v1/jobs", greet);

  CHECK(response.status == 422);
  CHECK(response.code() == "not_storable");
  CHECK(response.detail() == "the store does not take this job: too big");
}

TEST_CASE("D1: a submit of which nobody knows is answered so") {
  Served served;
  served.host.script([&](auto& script) {
    script.submit_answer = runtime::StoreUnsure{"ask again with the same key"};
  });

  const Response response = served.post("/v1/jobs", greet);

  CHECK(response.status == 503);
  CHECK(response.code() == "unsure");
}

TEST_CASE("a tenant that is no plain word is refused") {
  const Served served;
  const std::string tenant =
      GENERATE(as<std::string>{}, "", "a b", "a/b", "\xC3\xA4", std::string(201, 'x'));

  CHECK(served.get("/v1/jobs", "X-Stepd-Tenant: " + tenant + "\r\n").status == 400);
}

TEST_CASE("a parameter that is not known is refused") {
  Served served;

  CHECK(served.post("/v1/jobs?strikt=true", greet).status == 400);
  CHECK(served.post("/v1/jobs?strict=maybe", greet).status == 400);
  CHECK(served.post("/v1/jobs?strict=true&strict=true", greet).status == 400);
  CHECK(served.post("/v1/jobs?strict=%zz", greet).status == 400);
  CHECK(served.host.jobs_kept() == 0);
}

// Batches -----------------------------------------------------------------------------------------

std::vector<boost::json::value> lines_of(const Response& response) {
  std::vector<boost::json::value> lines;
  std::istringstream text(response.body);
  for (std::string line; std::getline(text, line);) lines.push_back(boost::json::parse(line));
  return lines;
}

std::string one_line(std::string text) {
  std::erase(text, '\n');
  return text;
}

TEST_CASE("each line of a batch stands alone and is answered alone in order") {
  Served served;
  served.host.set_catalogue(greeting());
  const std::string good = one_line(greet);

  const Response response =
      served.post("/v1/jobs:batch", good + "\n{\"steps\":[]}\n\n" + keyed("one") + "\r\nno JSON\n" +
                                        keyed("one") + "\n" + keyed("two") + "\n" + good);

  CHECK(response.status == 200);
  CHECK(response.fields.at("content-type") == "application/x-ndjson");
  const auto lines = lines_of(response);
  REQUIRE(lines.size() == 7);
  CHECK(lines[0].at("status") == 201);
  CHECK(lines[1].at("status") == 422);
  CHECK(lines[2].at("status") == 201);
  CHECK(lines[3].at("status") == 400);
  CHECK(lines[4].at("status") == 200);
  CHECK(lines[4].at("id") == lines[2].at("id"));
  CHECK(lines[5].at("status") == 409);
  CHECK(lines[6].at("status") == 201);
  CHECK(served.host.jobs_kept() == 3);
}

TEST_CASE("the lines of a batch are handed to the host many at a time") {
  Served served;
  served.host.set_catalogue(greeting());
  std::string body;
  for (int line = 0; line < 600; ++line) body += one_line(greet) + "\n";

  const auto lines = lines_of(served.post("/v1/jobs:batch", body));

  CHECK(lines.size() == 600);
  CHECK(served.host.submit_sizes() == std::vector<std::size_t>{256, 256, 88});
}

TEST_CASE("a line that is too long is refused alone") {
  Served served({.api = {.job_bytes_max = 200}});
  served.host.set_catalogue(greeting());
  const std::string good = one_line(greet);

  const auto lines = lines_of(
      served.post("/v1/jobs:batch", good + "\n" + std::string(100'000, 'x') + "\n" + good + "\n"));

  REQUIRE(lines.size() == 3);
  CHECK(lines[0].at("status") == 201);
  CHECK(lines[1].at("status") == 413);
  CHECK(lines[2].at("status") == 201);
}

TEST_CASE("a batch of too many jobs is taken up to the limit and says so") {
  Served served({.api = {.batch_jobs_max = 2}});
  served.host.set_catalogue(greeting());
  const std::string good = one_line(greet) + "\n";

  const auto lines = lines_of(served.post("/v1/jobs:batch", good + good + good + good));

  REQUIRE(lines.size() == 3);
  CHECK(lines[1].at("status") == 201);
  CHECK(lines[2].at("status") == 413);
  CHECK(served.host.jobs_kept() == 2);
}

TEST_CASE("a batch whose answers grow too large is taken up to there and says so") {
  Served served({.api = {.batch_answers_bytes_max = 10'000}});
  std::string body;
  for (int line = 0; line < 1000; ++line) body += "[]\n";

  const auto lines = lines_of(served.post("/v1/jobs:batch", body));

  REQUIRE(lines.size() == 257);
  CHECK(lines[255].at("status") == 422);
  CHECK(lines[256].at("status") == 413);
  CHECK(lines[256].at("code") == "batch_too_large");
}

TEST_CASE("arguments as large as the configured limit allows can be sent") {
  Served served({.api = settings_within({.args_bytes_max = 20 << 20})});
  served.host.set_catalogue(greeting());

  CHECK(served.post("/v1/jobs", args_of_bytes(19 << 20)).status == 201);
  CHECK(served.post("/v1/jobs:batch", args_of_bytes(19 << 20)).status == 200);
}

TEST_CASE("a batch that says it is too large is refused whole") {
  Served served({.api = {.batch_bytes_max = 100}});

  const Response response = served.post("/v1/jobs:batch", std::string(101, '\n'));

  CHECK(response.status == 413);
  CHECK(served.host.jobs_kept() == 0);
}

TEST_CASE("a batch in chunks that turns out too large keeps what was taken") {
  Served served({.api = {.batch_bytes_max = 300}});
  served.host.set_catalogue(greeting());
  const std::string good = one_line(greet) + "\n";
  const auto chunk = [](const std::string& text) {
    std::ostringstream framed;
    framed << std::hex << text.size() << "\r\n" << text << "\r\n";
    return framed.str();
  };

  const auto lines =
      lines_of(served.raw("POST /v1/jobs:batch HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" +
                          chunk(good) + chunk(std::string(300, 'x')) + "0\r\n\r\n"));

  REQUIRE(lines.size() == 2);
  CHECK(lines[0].at("status") == 201);
  CHECK(lines[1].at("status") == 413);
  CHECK(served.host.jobs_kept() == 1);
}

}  // namespace
}  // namespace stepd::http
