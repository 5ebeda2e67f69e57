#include <catch2/catch.hpp>

#include "tests/stepctl/canned/canned_daemon.hpp"
#include "tests/stepctl/child.hpp"

using namespace stepd::test;

namespace {

const std::string job =
    "{\n  \"name\": \"x\",\n  \"steps\": [{\"id\": \"a\", \"step\": \"demo.greet\"}]\n}\n";

CannedReply accepted(const CannedRequest&) {
  return {201, R"({"id":"J-1","existing":false,"warnings":[]})"};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// Accepts every line of a batch as J-1, J-2 and so on, but refuses those with "bad" in them.
class BatchAnswer {
 public:
  CannedReply operator()(const CannedRequest& request) {
    std::string answers;
    for (const std::string& line : lines_of(request.body)) {
      const std::string number = std::to_string(++lines_);
      answers += line.find("bad") == std::string::npos
                     ? R"({"status":201,"id":"J-)" + number + R"(","existing":false,"warnings":[]})"
                     : R"({"status":422,"detail":"no steps","errors":[{"pointer":"/steps",)"
                       R"("message":"give at least one"}]})";
      answers += "\n";
    }
    return {200, answers};
  }

 private:
  int lines_ = 0;
};

}  // namespace

TEST_CASE("submit prints the id alone and sends the file as it is") {
  CannedDaemon daemon(accepted);
  const ScratchFile file("job.json", job);

  const ChildEnd end = stepctl(daemon.address(), {"job", "submit", file.path()});

  CHECK(end.code == 0);
  CHECK(end.out == "J-1\n");
  CHECK(end.err.empty());
  const CannedRequest request = daemon.requests().at(0);
  CHECK(request.method == "POST");
  CHECK(request.target == "/v1/jobs");
  CHECK(request.content_type == "application/json");
  CHECK(request.body + "\n" == job);
}

TEST_CASE("submit reads stdin and passes key and strictness and tenant on") {
  CannedDaemon daemon(accepted);

  const ChildEnd end =
      stepctl(daemon.address(),
              {"--tenant", "acme", "job", "submit", "-", "--key", "k", "--strict"}, {.input = job});

  CHECK(end.out == "J-1\n");
  const CannedRequest request = daemon.requests().at(0);
  CHECK(request.target == "/v1/jobs?strict=true");
  CHECK(request.tenant == "acme");
  CHECK(request.body.find(R"("key":"k")") != std::string::npos);
}

TEST_CASE("warnings and a known key are told on stderr") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200, R"({"id":"J-1","existing":true,"warnings":[
        {"code":"unknown_type","pointer":"/steps/0/step","message":"no plugin offers it yet"}]})"};
  });

  const ChildEnd loud = stepctl(daemon.address(), {"job", "submit", "-"}, {.input = job});
  CHECK(loud.code == 0);
  CHECK(loud.out == "J-1\n");
  CHECK(loud.err ==
        "warning: no plugin offers it yet (at /steps/0/step)\n"
        "its key names job J-1 already; nothing new was started\n");

  const ChildEnd quiet = stepctl(daemon.address(), {"-q", "job", "submit", "-"}, {.input = job});
  CHECK(quiet.out == "J-1\n");
  CHECK(quiet.err.empty());
}

TEST_CASE("a refused job is told with pointer and message and gives 1") {
  CannedDaemon daemon([](const CannedRequest&) {
    return problem(422, "the job is refused",
                   R"([{"pointer":"/steps/0/args","message":"cents is missing"}])");
  });

  const ChildEnd end = stepctl(daemon.address(), {"job", "submit", "-"}, {.input = job});

  CHECK(end.code == 1);
  CHECK(end.out.empty());
  CHECK(end.err ==
        "error: the job is refused\n"
        "  at /steps/0/args: cents is missing\n");
}

TEST_CASE("an array of jobs is refused with a way to submit them") {
  CannedDaemon daemon([](const CannedRequest&) { return problem(422, "a job is an object"); });
  const ScratchFile file("array.json", "[{}, {}]");

  const ChildEnd end = stepctl(daemon.address(), {"job", "submit", file.path()});

  CHECK(end.code == 1);
  CHECK(end.err.find("jq -c '.[]' " + file.path() + " | stepctl job submit -") != end.err.npos);
}

TEST_CASE("JSON Lines go in batches and each line is answered alone") {
  CannedDaemon daemon{BatchAnswer()};
  std::string many;
  for (int line = 1; line <= 1203; ++line) many += line % 400 == 0 ? "{\"bad\":1}\n" : "{}\n";
  const ScratchFile file("many.jsonl", many);

  const ChildEnd end = stepctl(daemon.address(), {"job", "submit", file.path()});

  CHECK(end.code == 1);
  const auto ids = lines_of(end.out);
  CHECK(ids.size() == 1200);
  CHECK(ids.at(399) == "J-401");
  CHECK(end.err == file.path() + ":400: error: no steps\n  at /steps: give at least one\n" +
                       file.path() + ":800: error: no steps\n  at /steps: give at least one\n" +
                       file.path() + ":1200: error: no steps\n  at /steps: give at least one\n" +
                       "1,200 accepted, 3 refused\n");
  CHECK(daemon.requests().size() == 3);
  CHECK(daemon.requests().at(0).target == "/v1/jobs:batch");
  CHECK(daemon.requests().at(0).content_type == "application/x-ndjson");
}

TEST_CASE("in a batch a job over many lines goes on one and keeps its line number") {
  CannedDaemon daemon{BatchAnswer()};

  const ChildEnd end = stepctl(daemon.address(), {"job", "submit", "-"},
                               {.input = "{\n \"a\": 1\n}\n{\n \"bad\": 2\n}\n"});

  CHECK(daemon.requests().at(0).body == "{  \"a\": 1 }\n{  \"bad\": 2 }\n");
  CHECK(end.out == "J-1\n");
  CHECK(end.err.find("stdin:4: error: no steps") != end.err.npos);
}

TEST_CASE("a key that names another job is a refusal although it names an id") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200, R"({"status":409,"id":"J-0","detail":"the key is taken","errors":[]})"
                            "\n"
                            R"({"status":200,"id":"J-5","existing":true,"warnings":[]})"
                            "\n"};
  });

  const ChildEnd end = stepctl(daemon.address(), {"job", "submit", "-"}, {.input = "{}\n{}\n"});

  CHECK(end.code == 1);
  CHECK(end.out == "J-5\n");
  CHECK(end.err ==
        "stdin:1: error: the key is taken\n"
        "stdin:2: its key names job J-5 already; nothing new was started\n"
        "1 accepted (1 of them known already by their key), 1 refused\n");
}

TEST_CASE("a batch that is too large goes in halves") {
  BatchAnswer answer;
  CannedDaemon daemon([&answer](const CannedRequest& request) {
    if (lines_of(request.body).size() > 2) return problem(413, "too large");
    return answer(request);
  });

  const ChildEnd end =
      stepctl(daemon.address(), {"job", "submit", "-"}, {.input = "{}\n{}\n{}\n{}\n{}\n"});

  CHECK(end.code == 0);
  CHECK(lines_of(end.out).size() == 5);
}

TEST_CASE("a full disk stops a submit and says from which line on") {
  CannedDaemon daemon([](const CannedRequest&) { return problem(507, "the disk is full"); });

  const ChildEnd end = stepctl(daemon.address(), {"job", "submit", "-"}, {.input = "{}\n{}\n"});

  CHECK(end.code == 1);
  CHECK(end.err.find("stdin:1-2: error: the disk is full") != end.err.npos);
  CHECK(end.err.find("what comes after was not submitted") != end.err.npos);
}

TEST_CASE("a lost answer says which lines are in doubt and gives 3") {
  CannedDaemon daemon([](const CannedRequest&) { return CannedReply{.hangs_up = true}; });

  const ChildEnd end = stepctl(daemon.address(), {"job", "submit", "-"}, {.input = "{}\n{}\n"});

  CHECK(end.code == 3);
  CHECK(end.err.find("stdin:1-2 were accepted is not known: submit them again") != end.err.npos);
}

TEST_CASE("a lost answer to one job says that it is in doubt") {
  CannedDaemon daemon([](const CannedRequest&) { return CannedReply{.hangs_up = true}; });

  const ChildEnd end = stepctl(daemon.address(), {"job", "submit", "-"}, {.input = job});

  CHECK(end.code == 3);
  CHECK(end.err.find("whether the job was accepted is not known") != end.err.npos);
}

TEST_CASE("with json output each line of a batch is answered with its number") {
  CannedDaemon daemon{BatchAnswer()};

  const ChildEnd end = stepctl(daemon.address(), {"job", "submit", "-", "--output", "json"},
                               {.input = "{}\n\n{\"bad\":1}\n"});

  CHECK(end.code == 1);
  const auto lines = lines_of(end.out);
  REQUIRE(lines.size() == 2);
  CHECK(lines.at(0) == R"({"line":1,"status":201,"id":"J-1","existing":false,"warnings":[]})");
  CHECK(lines.at(1).starts_with(R"({"line":3,"status":422,)"));
}

TEST_CASE("a terminal sees a bar while a batch goes out and the ids stay whole") {
  CannedDaemon daemon{BatchAnswer()};
  std::string many;
  for (int line = 0; line < 1000; ++line) many += "{}\n";
  const ScratchFile file("many.jsonl", many);

  const ChildEnd end =
      stepctl(daemon.address(), {"job", "submit", file.path()}, {.on_terminal = true});

  CHECK(end.code == 0);
  CHECK(end.out.find("█") != end.out.npos);
  CHECK(end.out.find("500 accepted") != end.out.npos);
  CHECK(end.out.find("J-1000\r\n") != end.out.npos);
}

TEST_CASE("what cannot be submitted is told before a daemon is asked") {
  const auto said = [](std::vector<std::string> arguments, const std::string& input) {
    return stepctl("unix:/nonexistent/stepd.sock", std::move(arguments), {.input = input});
  };

  const ChildEnd missing = said({"job", "submit", "/nonexistent/job.json"}, "");
  CHECK(missing.code == 2);
  CHECK(missing.err.find("cannot read /nonexistent/job.json: No such file") != std::string::npos);
  CHECK(said({"job", "submit", "/tmp"}, "").err.find("it is a folder") != std::string::npos);
  CHECK(said({"job", "submit", "-"}, " \n").err.find("there is no job in stdin") !=
        std::string::npos);
  CHECK(said({"job", "submit", "-", "--key", "k"}, "{}\n{}\n").code == 2);
  CHECK(said({"job", "submit", "-", "--key", "k"}, R"({"key":"o"})").code == 2);
}

TEST_CASE("a job beyond 64 MiB is refused and what was read before it is submitted") {
  CannedDaemon daemon{BatchAnswer()};
  const std::string large = "{\"a\":\"" + std::string((std::size_t{64} << 20U) + 1, 'x') + "\"}\n";
  const ScratchFile file("large.jsonl", "{}\n{}\n" + large + "{}\n");

  const ChildEnd end = stepctl(daemon.address(), {"job", "submit", file.path()});

  CHECK(end.code == 1);
  CHECK(lines_of(end.out).size() == 2);
  CHECK(end.err.find(file.path() + ":3: error: the job is larger than 64 MiB") != end.err.npos);
  CHECK(end.err.find("2 accepted, 1 refused") != end.err.npos);
  CHECK(daemon.requests().size() == 1);
}
