#include <catch2/catch.hpp>

#include "tests/stepctl/canned/canned_daemon.hpp"
#include "tests/stepctl/child.hpp"
#include "tools/stepctl/json_text.hpp"

using namespace stepd::test;
using stepd::stepctl::parse_object;

TEST_CASE("event send sends what it was given and tells where the event went") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{201, R"({"id":"e-1","key":"approval/7","given_to":"J-1","repeated":false})"};
  });

  const ChildEnd end = stepctl(daemon.address(), {"event", "send", "approval/7", "--id", "e-1",
                                                  "--job", "J-1", "--data", R"({"cents":2.50})"});

  CHECK(end.code == 0);
  CHECK(end.out == "event e-1: given to job J-1\n");
  const auto request = daemon.requests().at(0);
  CHECK(request.target == "/v1/events");
  CHECK(request.body == R"({"id":"e-1","key":"approval/7","job":"J-1","data":{"cents":2.50}})");
}

TEST_CASE("W2: event send makes an id of its own and says how to repeat what it is unsure of") {
  CannedDaemon daemon([](const CannedRequest&) { return CannedReply{.hangs_up = true}; });

  const ChildEnd end = stepctl(daemon.address(), {"event", "send", "k"});

  CHECK(end.code == 3);
  CHECK(end.err.find("repeat the command with --id ") != end.err.npos);
  const auto body = parse_object(daemon.requests().at(0).body);
  REQUIRE(body);
  CHECK(stepd::stepctl::text_at(*body, "id").size() == 36);
}

TEST_CASE("data that is no JSON is refused before anything is asked") {
  CannedDaemon daemon([](const CannedRequest&) { return CannedReply{500, ""}; });

  const ChildEnd end = stepctl(daemon.address(), {"event", "send", "k", "--data", "yes"});

  CHECK(end.code == 2);
  CHECK(end.err.find("--data is JSON, and yes is none") != end.err.npos);
  CHECK(daemon.requests().empty());
}

TEST_CASE("events are listed with where they went and how to see more") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200, R"({"events":[{"number":8,"id":"e-2","key":"k","job":null,
      "data":{"by":"ann"},"at":"2026-03-01T12:00:00.000000Z","given_to":"J-1"},
      {"number":7,"id":"e-1","key":"k","job":null,"data":null,
      "at":"2026-03-01T11:00:00.000000Z","given_to":null}],"next":7})"};
  });

  const ChildEnd end =
      stepctl(daemon.address(), {"event", "list", "--key", "k", "--kept", "--limit", "2"});

  CHECK(end.code == 0);
  CHECK(daemon.requests().at(0).target == "/v1/events?limit=2&key=k&kept=true");
  CHECK(end.out.find("e-2  J-1       {\"by\":\"ann\"}") != end.out.npos);
  CHECK(end.err.find("--before 7") != end.err.npos);
}

TEST_CASE("W3: the jobs that a job has started are listed over all pages") {
  CannedDaemon daemon([](const CannedRequest& request) {
    const bool first = request.target == "/v1/jobs/J-1/children?limit=1000";
    return first ? CannedReply{200, R"({"children":[{"step":"all","key":"0","id":"J-2",
        "state":"succeeded","word":"succeeded","output":{"n":1},"error":null}],"more":true})"}
                 : CannedReply{200, R"({"children":[{"step":"all","key":"1","id":"J-3",
        "state":null,"word":"parked","output":null,"error":null}],"more":false})"};
  });

  const ChildEnd end = stepctl(daemon.address(), {"job", "children", "J-1"});

  CHECK(end.code == 0);
  CHECK(end.out ==
        "STEP  KEY  ID   STATE      RESULT\n"
        "all   0    J-2  succeeded  {\"n\":1}\n"
        "all   1    J-3  parked\n");
  CHECK(daemon.requests().at(1).target ==
        "/v1/jobs/J-1/children?limit=1000&after_step=all&after_key=0");
}
