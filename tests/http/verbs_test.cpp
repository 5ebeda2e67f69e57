#include <catch2/catch.hpp>

#include "tests/http/served.hpp"

namespace stepd::http {
namespace {

using engine::Verb;
using testing::path_of;
using testing::Response;
using testing::Served;

TEST_CASE("O1: a verb reaches the host with request id and actor and reason") {
  Served served;
  const auto id = served.host.add({"a"});

  const Response response = served.post(
      path_of(id) + ":cancel", R"({"request_id":"r-1","actor":"ann","reason":"no longer wanted"})");

  CHECK(response.status == 200);
  CHECK(response.json().at("verb") == "cancel");
  CHECK(response.json().at("request_id") == "r-1");
  CHECK(response.json().at("accepted").as_bool());
  const auto acts = served.host.acts();
  REQUIRE(acts.size() == 1);
  CHECK(acts[0].job == id);
  CHECK(acts[0].verb.kind == Verb::Kind::cancel);
  CHECK(acts[0].verb.request_id == "r-1");
  CHECK(acts[0].verb.actor == "ann");
  CHECK(acts[0].verb.reason == "no longer wanted");
}

TEST_CASE("O3: an output that the step type does not promise is refused with its place") {
  Served served;
  engine::Catalogue catalogue;
  catalogue.types["demo.greet"] = {
      .name = "demo.greet",
      .output_schema = engine::JsonText(
          R"({"type":"object","required":["text"],"properties":{"text":{"type":"string"}}})")};
  served.host.set_catalogue(catalogue);
  const std::string path = path_of(served.host.add({"a"}));
  const std::string verb = GENERATE(":skip", ":resolve");

  const Response wrong =
      served.post(path + verb, R"({"step":"a","reason":"x","output":{"text":1}})");
  const Response right =
      served.post(path + verb, R"({"step":"a","reason":"x","output":{"text":"hello"}})");

  CHECK(wrong.status == 422);
  CHECK(wrong.json().at("errors").at(0).at("pointer") == "/output/text");
  CHECK(right.status == 200);
  CHECK(served.host.acts().size() == 1);
}

TEST_CASE("a verb without a request id is given one of its own") {
  Served served;
  const auto id = served.host.add({"a"});

  CHECK(served.post(path_of(id) + ":cancel", "").status == 200);
  CHECK(served.post(path_of(id) + ":cancel", "{}").status == 200);

  const auto acts = served.host.acts();
  REQUIRE(acts.size() == 2);
  CHECK_FALSE(acts[0].verb.request_id.empty());
  CHECK(acts[0].verb.request_id != acts[1].verb.request_id);
}

TEST_CASE("verbs about a step carry what they need") {
  Served served;
  const auto id = served.host.add({"a"});
  const std::string path = path_of(id);

  CHECK(served.post(path + ":retry", R"({"step":"a"})").status == 200);
  CHECK(served.post(path + ":abandon", R"({"step":"a","reason":"x"})").status == 200);
  CHECK(served.post(path + ":skip", R"({"step":"a","reason":"x","output":{"n":1.50}})").status ==
        200);
  CHECK(served.post(path + ":resolve", R"({"step":"a","reason":"x","truth":"undone"})").status ==
        200);
  CHECK(served.post(path + ":resolve", R"({"step":"a","reason":"x","output":null})").status == 200);
  CHECK(served.remove(path).status == 200);

  const auto acts = served.host.acts();
  REQUIRE(acts.size() == 6);
  CHECK(acts[0].verb.kind == Verb::Kind::retry);
  CHECK(acts[0].verb.step == "a");
  CHECK(acts[1].verb.kind == Verb::Kind::abandon);
  CHECK(acts[2].verb.kind == Verb::Kind::skip);
  CHECK(acts[2].verb.output.view() == R"({"n":1.50})");
  CHECK(acts[3].verb.truth == Verb::Truth::undone);
  CHECK(acts[3].verb.output.empty());
  CHECK(acts[4].verb.truth == Verb::Truth::done);
  CHECK(acts[4].verb.output.view() == "null");
  CHECK(acts[5].verb.kind == Verb::Kind::remove);
}

TEST_CASE("O1: a delete is noted with who asked for it and knows no request id") {
  std::mutex mutex;
  std::vector<std::string> notes;
  Served served({.api = {.note = [&](const std::string& line) {
                   const std::lock_guard lock(mutex);
                   notes.push_back(line);
                 }}});
  const auto id = served.host.add({"a"});

  const Response removal = served.remove(path_of(id) + "?actor=ann%0Aof%20sales");
  const Response with_request_id = served.remove(path_of(id) + "?request_id=r");

  CHECK(removal.status == 200);
  CHECK(removal.json().at("verb") == "delete");
  CHECK(with_request_id.status == 400);
  const std::lock_guard lock(mutex);
  CHECK(notes == std::vector<std::string>{"job deleted job=" + engine::to_text(id) +
                                          R"( tenant=default actor="ann\nof sales")"});
}

struct BadVerb {
  std::string verb;
  std::string body;
  int status;
};

TEST_CASE("a verb that is not understood is refused and does nothing") {
  const BadVerb bad = GENERATE(
      BadVerb{"cancel", "{", 400}, BadVerb{"cancel", "\"\xFF\"", 400},
      BadVerb{"cancel", R"({"actor":"a","actor":"b"})", 422}, BadVerb{"cancel", "[]", 422},
      BadVerb{"cancel", R"({"step":"a"})", 422}, BadVerb{"cancel", R"({"reason":1})", 422},
      BadVerb{"cancel", R"({"request_id":")" + std::string(201, 'x') + R"("})", 422},
      BadVerb{"retry", R"({"output":1})", 422}, BadVerb{"abandon", "", 422},
      BadVerb{"abandon", R"({"step":"a"})", 422}, BadVerb{"abandon", R"({"reason":"x"})", 422},
      BadVerb{"abandon", R"({"step":"a","reason":""})", 422},
      BadVerb{"skip", R"({"step":"a","reason":"x","truth":"done"})", 422},
      BadVerb{"resolve", R"({"step":"a","reason":"x","truth":"maybe"})", 422},
      BadVerb{"resolve", R"({"step":"a","reason":"x","truth":"none","output":1})", 422},
      BadVerb{"resolve",
              R"({"step":"a","reason":"x","output":")" + std::string(1 << 20, 'x') + R"("})", 422},
      BadVerb{"cancel", std::string(2 << 20, ' '), 413});
  Served served;
  const auto id = served.host.add({"a"});

  const Response response = served.post(path_of(id) + ":" + bad.verb, bad.body);

  CAPTURE(bad.verb, bad.body.substr(0, 100), response.body);
  CHECK(response.status == bad.status);
  CHECK(served.host.acts().empty());
}

TEST_CASE("a verb the host refuses is answered with its words") {
  using Why = engine::Refused::Why;
  const auto [why, status, code] =
      GENERATE(table<Why, int, std::string>({{Why::not_found, 404, "not_found"},
                                             {Why::wrong_state, 409, "wrong_state"},
                                             {Why::invalid, 422, "invalid"},
                                             {Why::not_stored, 507, "not_stored"},
                                             {Why::ending, 503, "ending"},
                                             {Why::unsure, 503, "unsure"},
                                             {Why::unreadable, 500, "record_unreadable"}}));
  Served served;
  const auto id = served.host.add({"a"});
  served.host.script([&](auto& script) { script.verdict = engine::Refused{why, "words"}; });

  const Response cancel = served.post(path_of(id) + ":cancel", "");
  const Response removal = served.remove(path_of(id));

  CHECK(cancel.status == status);
  CHECK(cancel.code() == code);
  CHECK(cancel.detail() == "words");
  CHECK(removal.status == status);
}

TEST_CASE("a verb about no job does not reach the host") {
  Served served;

  CHECK(served.post(path_of(engine::JobId{7}) + ":cancel", "").status == 404);
  CHECK(served.remove(path_of(engine::JobId{7})).status == 404);
  CHECK(served.post("/v1/jobs/x:explode", "").status == 404);
  CHECK(served.host.acts().empty());
}

}  // namespace
}  // namespace stepd::http
