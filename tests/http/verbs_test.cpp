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
  CHECK(served.remove(path + "?request_id=r-9").status == 200);

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
  CHECK(acts[5].verb.request_id == "r-9");
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
  const auto [why, status] =
      GENERATE(table<engine::Refused::Why, int>({{engine::Refused::Why::not_found, 404},
                                                 {engine::Refused::Why::wrong_state, 409},
                                                 {engine::Refused::Why::invalid, 422}}));
  Served served;
  const auto id = served.host.add({"a"});
  served.host.script([&](auto& script) {
    script.verdict = engine::Refused{why, "the job is settled"};
  });

  const Response cancel = served.post(path_of(id) + ":cancel", "");
  const Response removal = served.remove(path_of(id));

  CHECK(cancel.status == status);
  CHECK(cancel.detail() == "the job is settled");
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
