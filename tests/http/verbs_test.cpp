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

TEST_CASE("J5: a rerun and an undo are answered with the id of the new job") {
  Served served;
  const auto id = served.host.add({"a"});
  const engine::JobId made{4711};
  served.host.script([&](auto& script) { script.verdict = engine::Accepted{made}; });

  const Response rerun = served.post(path_of(id) + ":rerun", R"({"from":"a","request_id":"r"})");
  const Response undo = served.post(path_of(id) + ":undo", R"({"reason":"booked twice"})");

  CHECK(rerun.status == 200);
  CHECK(rerun.json().at("job").as_string() == engine::to_text(made));
  CHECK(undo.json().at("job").as_string() == engine::to_text(made));
  const auto acts = served.host.acts();
  REQUIRE(acts.size() == 2);
  CHECK(acts[0].verb.kind == Verb::Kind::rerun);
  CHECK(acts[0].verb.step == "a");
  CHECK(acts[0].verb.request_id == "r");
  CHECK(acts[1].verb.kind == Verb::Kind::undo);
  CHECK(acts[1].verb.reason == "booked twice");
}

TEST_CASE("O1: a priority is a whole number within its bounds") {
  Served served;
  const std::string path = path_of(served.host.add({"a"})) + ":priority";

  CHECK(served.post(path, R"({"priority":-100})").status == 200);
  const std::string bad =
      GENERATE("", "{}", R"({"priority":null})", R"({"priority":1.5})", R"({"priority":"5"})",
               R"({"priority":101})", R"({"priority":-101})", R"({"priority":1e2})");
  CAPTURE(bad);
  CHECK(served.post(path, bad).status == 422);

  const auto acts = served.host.acts();
  REQUIRE(acts.size() == 1);
  CHECK(acts[0].verb.priority == -100);
}

TEST_CASE("O1: a verb on a filter counts first and acts when as many are expected") {
  Served served;
  const auto first = served.host.add({"a"});
  const auto second = served.host.add({"a"});
  served.host.add({"a"}, "other");
  const auto ask = [&](const std::string& more) {
    return served.post("/v1/jobs:act",
                       R"({"verb":"cancel","request_id":"r","filter":{})" + more + "}");
  };

  const Response count = ask("");
  const Response wrong = ask(R"(,"expect":3)");
  CHECK(served.host.acts().empty());
  const Response done = ask(R"(,"expect":2)");

  CHECK(count.json().at("matched") == 2);
  CHECK_FALSE(count.json().at("carried_out").as_bool());
  CHECK(wrong.status == 409);
  CHECK(wrong.code() == "count_differs");
  CHECK(wrong.detail().find("2 jobs match, and 3 were expected") == 0);
  CHECK(done.status == 200);
  CHECK(done.json().at("accepted") == 2);
  CHECK(done.json().at("jobs").at(0).at("id").as_string() == engine::to_text(second));
  const auto acts = served.host.acts();
  REQUIRE(acts.size() == 2);
  CHECK(acts[0].job == second);
  CHECK(acts[1].job == first);
  CHECK(acts[0].verb.request_id == "r");
}

TEST_CASE("O1: a verb on a filter does not look at what its own request has made") {
  Served served;
  served.host.add({"a"});
  const std::string verb = GENERATE("rerun", "undo");

  const Response count =
      served.post("/v1/jobs:act", R"({"verb":")" + verb + R"(","request_id":"r","filter":{}})");

  CHECK(count.json().at("matched") == 1);
  const auto filters = served.host.filters();
  REQUIRE(filters.size() == 1);
  CHECK(filters[0].not_made_by == "r");
}

namespace {

/// The content that the host is told of for a verb with this body.
std::string content_of(const std::string& verb, const std::string& body) {
  Served served;
  const auto id = served.host.add({"a"});
  REQUIRE(served.post(path_of(id) + ":" + verb, body).status == 200);
  return served.host.acts().at(0).verb.content.bytes;
}

}  // namespace

TEST_CASE("O1: what a verb asks for is its content whoever asks and however it is written") {
  const std::string sent = R"({"step":"a","reason":"x","output":{"n":1.50,"m":[2]}})";
  const std::string alike = R"({"actor":"ann","request_id":"r","output":{"m":[2.0],"n":15e-1},)"
                            R"("reason":"x","step":"a"})";

  CHECK(content_of("skip", sent).size() == 32);
  CHECK(content_of("skip", sent) == content_of("skip", alike));
  CHECK(content_of("resolve", sent) ==
        content_of("resolve", sent.substr(0, sent.size() - 1) + R"(,"truth":"done"})"));
  CHECK(content_of("skip", sent) != content_of("resolve", sent));
}

TEST_CASE("O1: each member of a verb but who asks makes its content another") {
  const auto [verb, one, other] = GENERATE(table<std::string, std::string, std::string>({
      {"skip", R"({"step":"a","reason":"x"})", R"({"step":"b","reason":"x"})"},
      {"skip", R"({"step":"a","reason":"x"})", R"({"step":"a","reason":"y"})"},
      {"skip", R"({"step":"a","reason":"x"})", R"({"step":"a","reason":"x","output":null})"},
      {"resolve", R"({"step":"a","reason":"x","output":1})",
       R"({"step":"a","reason":"x","output":2})"},
      {"resolve", R"({"step":"a","reason":"x","truth":"none"})",
       R"({"step":"a","reason":"x","truth":"undone"})"},
      {"retry", "{}", R"({"step":"a"})"},
      {"rerun", R"({"from":"a"})", R"({"from":"b"})"},
      {"priority", R"({"priority":1})", R"({"priority":2})"},
      {"cancel", "{}", R"({"reason":"x"})"},
  }));
  CAPTURE(verb, one, other);

  CHECK(content_of(verb, one) != content_of(verb, other));
}

TEST_CASE("O1: a verb on a filter tells which jobs refused and why") {
  Served served;
  served.host.add({"a"});
  const std::string body =
      R"({"verb":"retry","step":"a","filter":{"state":["queued"],"name":"made"},"expect":1})";
  served.host.script([&](auto& script) {
    script.verdict = engine::Refused{engine::Refused::Why::wrong_state, "words"};
  });

  const Response response = served.post("/v1/jobs:act", body);

  CHECK(response.status == 200);
  CHECK(response.json().at("refused") == 1);
  CHECK(response.json().at("left") == 0);
  CHECK(response.json().at("jobs").at(0).at("code") == "wrong_state");
  CHECK(response.json().at("jobs").at(0).at("detail") == "words");
}

TEST_CASE("O1: a verb on a filter stops asking once the host takes nothing in") {
  Served served;
  for (int job = 0; job < 300; ++job) served.host.add({"a"});
  served.host.script([&](auto& script) {
    script.verdict = engine::Refused{engine::Refused::Why::not_stored, "no room"};
  });

  const Response response =
      served.post("/v1/jobs:act", R"({"verb":"pause","filter":{},"expect":300})");

  CHECK(response.json().at("refused") == 256);
  CHECK(response.json().at("left") == 44);
}

TEST_CASE("a verb on a filter that is not understood is refused and does nothing") {
  const std::string bad =
      GENERATE("", "{}", R"({"verb":"cancel","expect":1})", R"({"verb":"explode","filter":{}})",
               R"({"verb":"cancel","filter":[],"expect":1})",
               R"({"verb":"cancel","filter":{"stat":"queued"},"expect":1})",
               R"({"verb":"cancel","filter":{"state":"quick"},"expect":1})",
               R"({"verb":"cancel","filter":{"state":[]},"expect":1})",
               R"({"verb":"cancel","filter":{"attention":1},"expect":1})",
               R"({"verb":"cancel","filter":{"child":"no"},"expect":1})",
               R"({"verb":"cancel","filter":{},"expect":-1})",
               R"({"verb":"cancel","filter":{},"expect":"1"})",
               R"({"verb":"cancel","filter":{},"step":"a","expect":1})",
               R"({"verb":"abandon","filter":{},"step":"a","expect":1})");
  Served served;
  served.host.add({"a"});

  const Response response = served.post("/v1/jobs:act", bad);

  CAPTURE(bad, response.body);
  CHECK(response.status == 422);
  CHECK(served.host.acts().empty());
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
                                             {Why::request_taken, 409, "request_id_taken"},
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
