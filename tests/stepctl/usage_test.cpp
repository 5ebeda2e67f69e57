#include <catch2/catch.hpp>
#include <sstream>

#include "tests/stepctl/canned/canned_daemon.hpp"
#include "tests/stepctl/child.hpp"

using namespace stepd::test;

namespace {

CannedReply no_jobs(const CannedRequest&) { return {200, R"({"jobs":[],"next":null})"}; }

}  // namespace

TEST_CASE("wrong usage gives 2 and says where to look") {
  struct Wrong {
    std::vector<std::string> arguments;
    std::string said;
  };
  const auto wrong = GENERATE(values<Wrong>(
      {{{}, "SUBCOMMAND"},
       {{"job"}, "Usage: stepctl job"},
       {{"jobb"}, "did you mean job?"},
       {{"job", "list", "--sate", "parked"}, "did you mean --state?"},
       {{"job", "list", "--state", "sleepy"}, "sleepy"},
       {{"job", "list", "--limit", "0"}, "--limit: 0 is no whole number from 1 on"},
       {{"event", "list", "--limit", "0"}, "--limit: 0 is no whole number from 1 on"},
       {{"event", "list", "--limit", "-3"}, "--limit: -3 is no whole number from 1 on"},
       {{"job", "test", "f.json", "--yes"}, "--yes goes with --real"},
       {{"job", "show"}, "ID is required"},
       {{"job", "show", "a", "b"}, "\"b\" is no command or flag of stepctl job show"},
       {{"job", "abandon", "a", "b"}, "--reason is required"},
       {{"job", "resolve", "a", "b", "--reason", "r", "--none", "--undone"}, "--none"},
       {{"job", "resolve", "a", "b", "--reason", "r", "--output", "text"}, "needs its quotes"},
       {{"job", "skip", "a", "b", "--reason", "r", "--output", "json"},
        "stepctl --output json job skip"},
       {{"status", "--output", "yaml"}, "yaml"},
       {{"status", "--server", "nowhere"}, "unix:PATH"},
       {{"completion", "csh"}, "csh"},
       {{"status", "--token-file", "/nonexistent/token"}, "there is no token"}}));

  const ChildEnd end = stepctl("", wrong.arguments);

  CAPTURE(wrong.arguments, end.err);
  CHECK(end.code == 2);
  CHECK(end.out.empty());
  CHECK(end.err.find(wrong.said) != end.err.npos);
}

TEST_CASE("a word that is like no command gets no guess") {
  CHECK(stepctl("", {"foo"}).err.find("did you mean") == std::string::npos);
}

TEST_CASE("help and version go to stdout and give 0") {
  const ChildEnd version = stepctl("", {"--version"});
  CHECK(version.code == 0);
  CHECK(version.out.starts_with("stepctl "));

  const ChildEnd help = stepctl("", {"job", "submit", "--help"});
  CHECK(help.code == 0);
  CHECK(help.out.find("Usage: stepctl job submit") != help.out.npos);
  CHECK(help.out.find("Examples:") != help.out.npos);
  CHECK(help.err.empty());
}

TEST_CASE("global flags stand before or after the command") {
  CannedDaemon daemon(no_jobs);

  const ChildEnd before = run_child({stepctl_folder() + "/stepctl", "--output", "json", "--server",
                                     daemon.address(), "job", "list"});
  const ChildEnd after = run_child({stepctl_folder() + "/stepctl", "job", "list", "--output",
                                    "json", "--server", daemon.address()});

  CHECK(before.code == 0);
  CHECK(before.out == after.out);
  CHECK(before.out.starts_with("{\n  \"jobs\": []"));
}

TEST_CASE("a daemon that is not there gives 3 and how to start it") {
  const ChildEnd named = stepctl("unix:/nonexistent/place/stepd.sock", {"status"});
  CHECK(named.code == 3);
  CHECK(named.err.find("unix:/nonexistent/place/stepd.sock (--server): there is no such socket") !=
        named.err.npos);
  CHECK(named.err.find("stepd --state-dir /nonexistent/place\n") != named.err.npos);

  const ChildEnd variable =
      stepctl("", {"status"}, {.extra = {{"STEPD_SERVER", "tcp:127.0.0.1:1"}}});
  CHECK(variable.code == 3);
  CHECK(variable.err.find("tcp:127.0.0.1:1 ($STEPD_SERVER)") != variable.err.npos);
  CHECK(variable.err.find("stepd --listen tcp:127.0.0.1:1   (with token_file") !=
        variable.err.npos);
}

TEST_CASE("over TCP the token of the file is shown to the daemon") {
  const auto daemon = CannedDaemon::on_tcp(no_jobs);
  const ScratchFile token("token", "s3cret\n");

  const ChildEnd by_flag =
      stepctl(daemon->address(), {"job", "list", "--token-file", token.path()});
  const ChildEnd by_variable =
      stepctl(daemon->address(), {"job", "list"}, {.extra = {{"STEPD_TOKEN_FILE", token.path()}}});

  CHECK(by_flag.code == 0);
  CHECK(by_variable.code == 0);
  CHECK(daemon->requests().at(0).authorization == "Bearer s3cret");
  CHECK(daemon->requests().at(1).authorization == "Bearer s3cret");
}

TEST_CASE("a daemon that wants a token is answered with where one is given") {
  const auto daemon = CannedDaemon::on_tcp(
      [](const CannedRequest&) { return problem(401, "every request needs the token"); });

  const ChildEnd end = stepctl(daemon->address(), {"status"});

  CHECK(end.code == 1);
  CHECK(end.err ==
        "error: every request needs the token\n"
        "  give the file with the daemon's own token: --token-file FILE or $STEPD_TOKEN_FILE\n");
}

TEST_CASE("a reader who has seen enough is no error") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200, R"({"jobs":[{"id":"J-1","state":"running"}],"next":null})"};
  });

  const ChildEnd end = stepctl(daemon.address(), {"job", "list"}, {.deaf = true});

  CHECK(end.code == 0);
  CHECK(end.err.empty());
}

TEST_CASE("a submit whose ids nobody reads stops and says so") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200, R"({"status":201,"id":"J-1","existing":false,"warnings":[]})"
                            "\n"
                            R"({"status":201,"id":"J-2","existing":false,"warnings":[]})"
                            "\n"};
  });

  const ChildEnd end =
      stepctl(daemon.address(), {"job", "submit", "-"}, {.input = "{}\n{}\n", .deaf = true});

  CHECK(end.code == 1);
  CHECK(end.err.find("nobody reads the ids") != end.err.npos);
}

TEST_CASE("an answer that breaks off gives 3") {
  CannedDaemon daemon([](const CannedRequest&) { return CannedReply{.hangs_up = true}; });

  const ChildEnd end = stepctl(daemon.address(), {"status"});

  CHECK(end.code == 3);
  CHECK(end.err.find("the connection to stepd at unix:") != end.err.npos);
}

TEST_CASE("what a daemon says cannot steer the terminal") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200,
                       "{\"jobs\":[{\"id\":\"J-1\",\"name\":\"\\u001b[2Jx\","
                       "\"state\":\"running\"}],\"next\":null}"};
  });

  const ChildEnd end = stepctl(daemon.address(), {"job", "list"});

  CHECK(end.out.find("\x1b") == end.out.npos);
  CHECK(end.out.find("\\x1b[2Jx") != end.out.npos);
}

TEST_CASE("a value that is empty is refused before anything is asked") {
  CannedDaemon daemon([](const CannedRequest&) { return CannedReply{500, ""}; });
  using Words = std::vector<std::string>;
  const auto words = GENERATE(values<Words>({{"job", "rerun", "J-1", "--from", ""},
                                             {"job", "cancel", "--name", "", "--yes"},
                                             {"event", "send", "k", "--job", ""},
                                             {"event", "send", ""},
                                             {"job", "cancel", "J-1", "--request-id", ""},
                                             {"job", "list", "--tenant", ""}}));

  const ChildEnd end = stepctl(daemon.address(), words);

  CAPTURE(words);
  CHECK(end.code == 2);
  CHECK(end.err.find("is empty: give a value") != end.err.npos);
  const auto empty = std::find(words.begin(), words.end(), std::string());
  const std::string flag = *std::prev(empty);
  const bool is_flag = flag.starts_with("--");
  CHECK(end.err.find((is_flag ? flag : "KEY") + " is empty") != end.err.npos);
  CHECK((end.err.find("or leave it out") != end.err.npos) == is_flag);
  CHECK(daemon.requests().empty());
}
