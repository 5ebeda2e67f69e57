#include <catch2/catch.hpp>
#include <utility>

#include "tests/stepctl/canned/canned_daemon.hpp"
#include "tests/stepctl/child.hpp"

using namespace stepd::test;

namespace {

std::string job_in(const std::string& state, const std::string& more = "") {
  const bool settled = state == "succeeded" || state == "compensated";
  return R"({"id":"J-1","name":"x","state":")" + state +
         R"(","created_at":"2026-03-01T12:00:00Z","settled_at":)" +
         (settled ? R"("2026-03-01T12:00:02Z")" : "null") + more +
         R"(,"steps":[{"id":"a","type":"demo.greet","state":"pending"}]})";
}

const std::string first_row =
    "event: journal\nid: 1\ndata: {\"row\":1,\"at\":\"2026-03-01T12:00:00Z\",\"entries\":["
    "{\"type\":\"submitted\"},{\"type\":\"call_started\",\"step\":\"a\",\"phase\":\"execute\","
    "\"call\":1,\"attempt\":1}]}\n\n"
    "event: progress\ndata: {\"step\":\"a\",\"permille\":500,\"note\":\"half way\"}\n\n";
const std::string last_row =
    "event: journal\nid: 2\ndata: {\"row\":2,\"at\":\"2026-03-01T12:00:02Z\",\"entries\":["
    "{\"type\":\"call_ended\",\"step\":\"a\",\"call\":1,\"outcome\":\"succeeded\",\"output\":"
    "{\"text\":\"hi\"}},{\"type\":\"step_moved\",\"step\":\"a\",\"state\":\"succeeded\"},"
    "{\"type\":\"settled\",\"state\":\"succeeded\"}]}\n\n"
    "event: settled\ndata: {}\n\n";

/// A job that settles in `state`; its event stream breaks once after the first row,
/// and the daemon is ending when it is asked for the rest.
class OneJob {
 public:
  OneJob(std::string state, std::string more) : state_(std::move(state)), more_(std::move(more)) {}

  CannedReply operator()(const CannedRequest& request) {
    if (request.method == "POST") {
      return {201, R"({"id":"J-1","existing":false,"warnings":[]})"};
    }
    if (request.target == "/v1/jobs/J-1:watch?after=0") {
      return {.body = ": hello\n\n" + first_row, .is_stream = true};
    }
    if (request.target == "/v1/jobs/J-1:watch?after=1") {
      if (std::exchange(ending_, false)) return problem(503, "the daemon is ending");
      told_all_ = true;
      // The row that was told already must not be told again.
      return {.body = first_row + last_row, .is_stream = true};
    }
    if (request.target == "/v1/jobs/J-1") {
      return {200, told_all_ ? job_in(state_, more_) : job_in("running")};
    }
    return problem(404, "no such route");
  }

 private:
  std::string state_;
  std::string more_;
  bool told_all_ = false;
  bool ending_ = true;
};

const std::string job = R"({"name":"x","steps":[{"id":"a","step":"demo.greet"}]})";

}  // namespace

TEST_CASE("submit with wait gives the id on stdout and the end on stderr and 0 for success") {
  CannedDaemon daemon(OneJob("succeeded", R"(,"output":{"text":"hi"})"));

  const ChildEnd end = stepctl(daemon.address(), {"job", "submit", "-", "--wait"}, {.input = job});

  CHECK(end.code == 0);
  CHECK(end.out == "J-1\n");
  CHECK(end.err == "succeeded after 2s\noutput: {\"text\":\"hi\"}\n");
}

TEST_CASE("submit with wait gives 1 and the reason for a job that did not succeed") {
  CannedDaemon daemon(OneJob("compensated", R"(,"reason":"step a was abandoned")"));

  const ChildEnd end = stepctl(daemon.address(), {"job", "submit", "-", "--wait"}, {.input = job});

  CHECK(end.code == 1);
  CHECK(end.err ==
        "compensated after 2s: step a was abandoned\n"
        "see: stepctl job show J-1 --journal\n");
}

TEST_CASE("submit with wait as json prints the settled job alone") {
  CannedDaemon daemon(OneJob("succeeded", ""));

  const ChildEnd end = stepctl(
      daemon.address(), {"job", "submit", "-", "--wait", "--output", "json", "-q"}, {.input = job});

  CHECK(end.out.starts_with("{\n  \"id\": \"J-1\",\n"));
  CHECK(end.out.find("\"state\": \"succeeded\"") != end.out.npos);
  CHECK(end.err.empty());
}

TEST_CASE("a terminal sees the steps of the job it waits for") {
  CannedDaemon daemon(OneJob("succeeded", ""));

  const ChildEnd end = stepctl(daemon.address(), {"job", "submit", "-", "--wait"},
                               {.input = job, .extra = {{"NO_COLOR", "1"}}, .on_terminal = true});

  CHECK(end.code == 0);
  CHECK(end.out.find("demo.greet") != end.out.npos);
  CHECK(end.out.find("50%") != end.out.npos);
  CHECK(end.out.find("half way") != end.out.npos);
  CHECK(end.out.find("✓  a") != end.out.npos);
}

TEST_CASE("NO_COLOR takes the colour out of a terminal") {
  CannedDaemon daemon(OneJob("succeeded", ""));

  const ChildEnd plain = stepctl(daemon.address(), {"job", "watch", "J-1"},
                                 {.extra = {{"NO_COLOR", "1"}}, .on_terminal = true});
  CHECK(plain.out.find("\x1b[32m") == plain.out.npos);
  CHECK(plain.out.find("settled: succeeded") != plain.out.npos);
}

TEST_CASE("watch tells each row once over a broken connection and ends with the job") {
  CannedDaemon daemon(OneJob("succeeded", R"(,"output":"o")"));

  const ChildEnd end = stepctl(daemon.address(), {"job", "watch", "J-1"});

  CHECK(end.code == 0);
  CHECK(end.out ==
        "     +0ms     submitted\n"
        "     +0ms  a  call 1 started\n"
        "      +2s  a  call 1 succeeded after 2s → {\"text\":\"hi\"}\n"
        "      +2s     settled: succeeded\n");
  CHECK(end.err == "succeeded after 2s\noutput: \"o\"\n");
}

TEST_CASE("watch as json is one object on each line") {
  CannedDaemon daemon(OneJob("succeeded", ""));

  const ChildEnd end = stepctl(daemon.address(), {"job", "watch", "J-1", "--output", "json", "-q"});

  CHECK(end.out.find("{\"row\":1,") == 0);
  CHECK(end.out.find("\n{\"progress\":{\"step\":\"a\",\"permille\":500") != end.out.npos);
  CHECK(end.out.find("\n{\"row\":2,") != end.out.npos);
  CHECK(end.out.find("\n{\"settled\":{\"id\":\"J-1\"") != end.out.npos);
}

namespace {

/// Jobs J-1 to J-4 that settle the second time they are asked about; J-3 does not succeed.
class ManyJobs {
 public:
  CannedReply operator()(const CannedRequest& request) {
    if (request.method == "POST") {
      std::string answers;
      for (const char* id : {"J-1", "J-2", "J-3", "J-4"}) {
        answers += R"({"status":201,"id":")" + std::string(id) +
                   R"(","existing":false,"warnings":[]})"
                   "\n";
      }
      return {200, answers};
    }
    if (request.target.starts_with("/v1/jobs?")) {
      ++lists_;
      if (lists_ == 2) return {.hangs_up = true};
      return {200, R"({"jobs":[)" + line("J-3") + "," + line("J-2") + "," + line("J-1") +
                       R"(],"next":null})"};
    }
    return {200, line(request.target.substr(request.target.rfind('/') + 1))};
  }

 private:
  [[nodiscard]] std::string line(const std::string& id) const {
    if (lists_ < 2) return R"({"id":")" + id + R"(","state":"running","settled_at":null})";
    return R"({"id":")" + id + R"(","state":")" + (id == "J-3" ? "failed" : "succeeded") +
           R"(","reason":"refused","settled_at":"2026-03-01T12:00:02Z"})";
  }
  int lists_ = 0;
};

}  // namespace

TEST_CASE("waiting for many jobs ends when all have settled and names those that failed") {
  CannedDaemon daemon{ManyJobs()};

  const ChildEnd end =
      stepctl(daemon.address(), {"job", "submit", "-", "--wait"}, {.input = "{}\n{}\n{}\n{}\n"});

  CHECK(end.code == 1);
  CHECK(end.out == "J-1\nJ-2\nJ-3\nJ-4\n");
  CHECK(end.err ==
        "4 accepted\n"
        "J-3  failed  refused\n"
        "4 jobs settled: 1 failed, 3 succeeded\n");
}

TEST_CASE("waiting for many jobs as json ends with a line for each") {
  CannedDaemon daemon{ManyJobs()};

  const ChildEnd end =
      stepctl(daemon.address(), {"job", "submit", "-", "--wait", "-q", "--output", "json"},
              {.input = "{}\n{}\n{}\n{}\n"});

  CHECK(end.out.find("{\"id\":\"J-2\",\"state\":\"succeeded\"}\n"
                     "{\"id\":\"J-3\",\"state\":\"failed\"}\n") != end.out.npos);
  CHECK(end.err.empty());
}

TEST_CASE("waiting for many jobs ends when the daemon will not tell of them") {
  CannedDaemon daemon{[jobs = ManyJobs()](const CannedRequest& request) mutable -> CannedReply {
    if (request.method == "POST") return jobs(request);
    return problem(401, "a token is needed");
  }};

  const ChildEnd end =
      stepctl(daemon.address(), {"job", "submit", "-", "--wait"}, {.input = "{}\n{}\n{}\n{}\n"});

  CHECK(end.code == 1);
  CHECK(end.err.find("a token is needed") != end.err.npos);
}

TEST_CASE("whoever waits without a terminal is told of a step that is parked still") {
  const auto parked_row = [](int row, const std::string& state) {
    const std::string number = std::to_string(row);
    return "event: journal\nid: " + number + "\ndata: {\"row\":" + number +
           ",\"at\":\"2026-03-01T12:00:00Z\",\"entries\":[{\"type\":\"step_moved\",\"step\":\"a\","
           "\"state\":\"" +
           state + "\",\"error\":{\"code\":\"bad_output\",\"message\":\"no JSON\"}}]}\n\n";
  };
  const bool decided = GENERATE(false, true);
  bool told_all = false;
  CannedDaemon daemon([&](const CannedRequest& request) {
    if (request.method == "POST") return CannedReply{201, R"({"id":"J-1","existing":false})"};
    if (request.target == "/v1/jobs/J-1") {
      return CannedReply{200, job_in(told_all ? "succeeded" : "running")};
    }
    if (request.target.ends_with("after=0")) {
      return CannedReply{.body = parked_row(1, "parked") + (decided ? parked_row(2, "ready") : ""),
                         .is_stream = true};
    }
    told_all = true;
    return CannedReply{.body = "event: settled\ndata: {}\n\n", .is_stream = true};
  });

  const ChildEnd end = stepctl(daemon.address(), {"job", "submit", "-", "--wait"}, {.input = job});

  CHECK(end.code == 0);
  const std::string told = decided ? ""
                                   : "step a is parked: bad_output: no JSON; it waits for an "
                                     "operator (stepctl job why J-1)\n";
  CHECK(end.err == told + "succeeded after 2s\n");
}

TEST_CASE("a job that its key names and that was removed since cannot be waited for") {
  CannedDaemon daemon([](const CannedRequest& request) {
    if (request.method == "POST") return CannedReply{200, R"({"id":"J-1","existing":true})"};
    return problem(404, "there is no job J-1");
  });

  const ChildEnd end = stepctl(daemon.address(), {"job", "submit", "-", "--wait"}, {.input = job});

  CHECK(end.code == 1);
  CHECK(end.err.find("error: job J-1 has been removed since: how it ended is not known") !=
        end.err.npos);
}
