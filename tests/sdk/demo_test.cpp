// The bundled demo plugin, as the file that is installed.
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stepd/testing/rehearsal.hpp>
#include <string>

#include "tests/sdk/loaded_plugin.hpp"
#include "tests/support/temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
using stepd::testing::Outcome;
using stepd::testing::Rehearsal;

Rehearsal demo(const char* type) {
  return Rehearsal(stepd::testing::loaded_plugin(STEPD_DEMO_PLUGIN), type);
}

boost::json::value json(const std::string& text) { return boost::json::parse(text); }

std::string content(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// How a process ends that runs demo.crash; the output of the child is of no interest.
int status_of_crash(const char* how) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    std::signal(SIGSEGV, SIG_DFL);
    static_cast<void>(std::freopen("/dev/null", "w", stderr));
    static_cast<void>(demo("demo.crash").execute(json(R"({"how":")" + std::string(how) + "\"}")));
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

}  // namespace

TEST_CASE("demo.greet greets as often as asked and once by default") {
  auto greet = demo("demo.greet");

  CHECK(greet.execute(json(R"({"name":"ada"})")).output == R"({"text":"hello ada"})");
  CHECK(greet.execute(json(R"({"name":"ada","times":2})")).output ==
        R"({"text":"hello ada, hello ada"})");
  CHECK(greet.execute(json(R"({"name":"ada","times":0})")).code == "times_out_of_range");
}

TEST_CASE("demo.sleep sleeps in its thread and stops when asked") {
  auto sleep = demo("demo.sleep");
  const auto start = sleep.record.now;

  CHECK(sleep.execute(json(R"({"milliseconds":300})")).outcome == Outcome::succeeded);
  CHECK(sleep.record.now == start + 300ms);

  sleep.surroundings.stop_after = 100ms;
  CHECK(sleep.execute(json(R"({"milliseconds":300})")).outcome == Outcome::cancelled);
}

TEST_CASE("demo.suspend waits without a call until its time has come") {
  auto suspend = demo("demo.suspend");
  const auto start = suspend.record.now;

  const auto waiting = suspend.execute(json(R"({"milliseconds":5000})"));
  CHECK(waiting.suspended_until == start + 5s);
  CHECK(waiting.waits_for == "suspend");
  CHECK(suspend.run(json(R"({"milliseconds":5000})")).outcome == Outcome::succeeded);
  CHECK(suspend.record.now == start + 5s);
}

TEST_CASE("demo.sleep and demo.suspend refuse spans that no clock can reach") {
  const std::string type = GENERATE("demo.sleep", "demo.suspend");
  const std::string span =
      GENERATE("-1", "3155760000001", "9223372036854775807", "-9223372036854775808");
  auto step = demo(type.c_str());

  const auto ending = step.execute(json(R"({"milliseconds":)" + span + "}"));

  CHECK(ending.outcome == Outcome::refused);
  CHECK(ending.code == "milliseconds_out_of_range");
}

TEST_CASE("demo.flaky fails so many attempts and then succeeds") {
  auto flaky = demo("demo.flaky");

  const auto ending = flaky.run(json(R"({"failures":2})"));

  CHECK(ending.output == R"({"attempts":3})");
}

TEST_CASE("demo.refuse refuses as asked") {
  auto refuse = demo("demo.refuse");

  CHECK(refuse.execute(json("{}")).code == "refused_as_asked");
  CHECK(refuse.execute(json(R"({"code":"closed","message":"it is closed"})")).sentence() ==
        "refused closed: it is closed");
}

TEST_CASE("demo.crash ends its process as asked") {
  const int aborted = status_of_crash("abort");
  const int exited = status_of_crash("exit");
  const int segv = status_of_crash("segv");

  CHECK(WIFSIGNALED(aborted));
  CHECK(WTERMSIG(aborted) == SIGABRT);
  CHECK(WIFEXITED(exited));
  CHECK(WEXITSTATUS(exited) == 70);
  CHECK(WIFSIGNALED(segv));
  CHECK(WTERMSIG(segv) == SIGSEGV);
}

TEST_CASE("demo.undoable tells what it does and undoes in the configured file") {
  const stepd::support::TemporaryFolder folder;
  const auto file = folder.path() / "deeds";
  auto undoable = demo("demo.undoable");
  undoable.configuration("undoable_file", boost::json::value(file.string()));

  CHECK(undoable.execute(json(R"({"note":"tea"})")).outcome == Outcome::succeeded);
  CHECK(undoable.compensate(json(R"({"note":"tea"})")).outcome == Outcome::succeeded);
  CHECK(undoable.execute(json(R"({"note":"milk","fail":true})")).outcome == Outcome::failed);

  CHECK(content(file) ==
        "did tea job=job-1 step=step-1\n"
        "undid tea job=job-1 step=step-1\n"
        "did milk job=job-1 step=step-1\n");
}

TEST_CASE("demo.undoable without a file tells it to the log") {
  auto undoable = demo("demo.undoable");

  CHECK(undoable.execute(json(R"({"note":"tea"})")).outcome == Outcome::succeeded);

  REQUIRE(undoable.observed.log.size() == 1);
  CHECK(undoable.observed.log[0].message == "did tea");
}

TEST_CASE("demo.noop does nothing and asks the host for no more than it must") {
  auto noop = demo("demo.noop");

  CHECK(noop.execute(json("{}")).output == "{}");
  CHECK(noop.observed.host_calls == std::vector<std::string>{"call", "args_json", "set_output"});
}
