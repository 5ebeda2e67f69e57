#include <catch2/catch.hpp>

#include "tests/stepctl/canned/canned_daemon.hpp"
#include "tests/stepctl/child.hpp"
#include "tools/stepctl/json_text.hpp"

using namespace stepd::test;
using stepd::stepctl::parse_object;

TEST_CASE("a verb sends what it was given and who asks") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200, R"({"id":"J-1","verb":"resolve","accepted":true})"};
  });

  const ChildEnd end =
      stepctl(daemon.address(), {"job", "resolve", "J-1", "pay", "--reason", "seen in the ledger",
                                 "--request-id", "R-1", "--output", "{\"cents\": 1.50}"});

  CHECK(end.code == 0);
  CHECK(end.out == "resolve accepted: job J-1, step pay\n");
  const CannedRequest request = daemon.requests().at(0);
  CHECK(request.method == "POST");
  CHECK(request.target == "/v1/jobs/J-1:resolve");
  CHECK(request.body.find("\"output\":{\"cents\": 1.50}}") != request.body.npos);
  const auto body = parse_object(request.body);
  REQUIRE(body);
  CHECK(body->at("request_id") == "R-1");
  CHECK(body->at("step") == "pay");
  CHECK(body->at("truth") == "done");
  CHECK(body->at("reason") == "seen in the ledger");
  CHECK_FALSE(body->at("actor").as_string().empty());
}

TEST_CASE("each verb goes to its route with the members it needs and no others") {
  CannedDaemon daemon([](const CannedRequest&) { return CannedReply{200, "{}"}; });
  const auto members_of = [&daemon](std::vector<std::string> arguments) {
    CHECK(stepctl(daemon.address(), std::move(arguments)).code == 0);
    const CannedRequest request = daemon.requests().back();
    std::string names = request.target;
    const auto body = parse_object(request.body);
    if (body) {
      for (const auto& member : *body) names.append(" ").append(member.key());
    }
    return names;
  };

  CHECK(members_of({"job", "cancel", "J"}) == "/v1/jobs/J:cancel request_id actor");
  CHECK(members_of({"job", "retry", "J", "list"}) == "/v1/jobs/J:retry request_id actor step");
  CHECK(members_of({"job", "abandon", "J", "job", "--reason", "-x"}) ==
        "/v1/jobs/J:abandon request_id actor reason step");
  CHECK(members_of({"job", "skip", "J", "s", "--reason", "r"}) ==
        "/v1/jobs/J:skip request_id actor reason step");
  CHECK(members_of({"job", "resolve", "J", "s", "--reason", "r", "--undone"}) ==
        "/v1/jobs/J:resolve request_id actor reason step truth");
  CHECK(members_of({"job", "rerun", "J", "--from", "s"}) ==
        "/v1/jobs/J:rerun request_id actor from");
  CHECK(members_of({"job", "undo", "J"}) == "/v1/jobs/J:undo request_id actor");
  CHECK(members_of({"job", "priority", "J", "-5"}) ==
        "/v1/jobs/J:priority request_id actor priority");
  CHECK(members_of({"job", "delete", "J"}).starts_with("/v1/jobs/J?actor="));
}

TEST_CASE("a verb with a filter counts and says how many it expects") {
  CannedDaemon daemon([](const CannedRequest& request) {
    const bool counts = request.body.find("expect") == request.body.npos;
    if (counts) return CannedReply{200, R"({"matched":2})"};
    return CannedReply{200, R"({"matched":2,"jobs":[{"id":"A","accepted":true},
      {"id":"B","accepted":false,"detail":"job B has settled"}],
      "accepted":1,"refused":1,"left":0})"};
  });

  const ChildEnd asked = stepctl(daemon.address(), {"job", "cancel", "--state", "waiting"});
  CHECK(asked.code == 1);
  CHECK(asked.err == "error: 2 jobs match, and nothing was done: to cancel 2 jobs, say --yes\n");
  CHECK(daemon.requests().size() == 1);

  const ChildEnd done =
      stepctl(daemon.address(), {"job", "cancel", "--state", "waiting", "--state", "paused",
                                 "--name", "n", "--yes", "--request-id", "R"});
  CHECK(done.code == 1);
  CHECK(done.err == "error: job B has settled\ncancel accepted: 1 job, 1 job refused\n");
  const auto requests = daemon.requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[2].target == "/v1/jobs:act");
  const auto body = parse_object(requests[2].body);
  REQUIRE(body);
  CHECK(body->at("verb") == "cancel");
  CHECK(body->at("request_id") == "R");
  CHECK(body->at("expect") == 2);
  CHECK(body->at("filter").at("state").as_array().size() == 2);
  CHECK(body->at("filter").at("name") == "n");
}

TEST_CASE("with a filter what would come after the id stands in its place") {
  CannedDaemon daemon([](const CannedRequest&) { return CannedReply{200, R"({"matched":0})"}; });
  const auto sent = [&](std::vector<std::string> arguments) {
    const ChildEnd end = stepctl(daemon.address(), std::move(arguments));
    CHECK(end.code == 0);
    CHECK(end.err == "no such jobs\n");
    return *parse_object(daemon.requests().back().body);
  };

  CHECK(sent({"job", "priority", "--name", "n", "-20"}).at("priority") == -20);
  CHECK(sent({"job", "skip", "--name", "n", "pay", "--reason", "r"}).at("step") == "pay");
  CHECK_FALSE(sent({"job", "retry", "--attention"}).contains("step"));
  const auto retry = sent({"job", "retry", "--state", "parked", "--no-children"});
  CHECK(retry.at("filter").at("child") == false);
}

TEST_CASE("a verb without a job or with one too many is refused before anything is asked") {
  CannedDaemon daemon([](const CannedRequest&) { return CannedReply{200, "{}"}; });
  const auto usage = [&](std::vector<std::string> arguments) {
    const ChildEnd end = stepctl(daemon.address(), std::move(arguments));
    CHECK(end.code == 2);
    return end.err;
  };

  CHECK(usage({"job", "cancel"}).find("give its ID, or a filter") != std::string::npos);
  CHECK(usage({"job", "cancel", "J", "--name", "n"}).find("not both") != std::string::npos);
  CHECK(usage({"job", "skip", "J", "s", "--name", "n", "--reason", "r"}).find("not both") !=
        std::string::npos);
  CHECK(usage({"job", "abandon", "J", "--reason", "r"}).find("STEP") != std::string::npos);
  CHECK(usage({"job", "priority", "J", "high"}).find("high is none") != std::string::npos);
  CHECK(usage({"job", "rerun", "--name", "n", "--wait"}).find("--wait is for one job") !=
        std::string::npos);
  CHECK(daemon.requests().empty());
}

TEST_CASE("a verb the state does not allow is refused with its reason") {
  CannedDaemon daemon([](const CannedRequest&) {
    return problem(409, "job J-1 is not parked; it is running (see: stepctl job show J-1)");
  });

  const ChildEnd end = stepctl(daemon.address(), {"job", "skip", "J-1", "pay", "--reason", "r"});

  CHECK(end.code == 1);
  CHECK(end.err == "error: job J-1 is not parked; it is running (see: stepctl job show J-1)\n");
}

TEST_CASE("a verb whose answer is lost says how to repeat it without harm") {
  CannedDaemon daemon([](const CannedRequest&) { return CannedReply{.hangs_up = true}; });

  const ChildEnd end = stepctl(daemon.address(), {"job", "cancel", "J-1", "--request-id", "R-7"});

  CHECK(end.code == 3);
  CHECK(end.err.find("--request-id R-7") != end.err.npos);
}

TEST_CASE("O1: a delete whose answer is lost says what the answer to a repeat means") {
  CannedDaemon daemon([](const CannedRequest&) { return CannedReply{.hangs_up = true}; });

  const ChildEnd end = stepctl(daemon.address(), {"job", "delete", "J-1"});

  CHECK(end.code == 3);
  CHECK(end.err.find("no such job then means that it is done") != end.err.npos);
  CHECK(end.err.find("--request-id") == end.err.npos);
}
