#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <fstream>
#include <future>
#include <stop_token>
#include <thread>

#include "host/contained/containment.hpp"
#include "tests/contained/hosted.hpp"
#include "tests/plugin/kept_ports.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/watched.hpp"

using namespace stepd;
using namespace stepd::contained;
using namespace stepd::contained::testing;
using namespace std::chrono_literals;
using Catch::Contains;
using engine::OutcomeKind;

namespace {

/// Answers what a job is with a job of that name.
class NamingPorts final : public plugin::KeptPorts {
 public:
  plugin::CheckedJob check_job(std::string_view json) override {
    return std::make_shared<const engine::JobDefinition>(
        engine::JobDefinition{.name = std::string(json)});
  }
};

bool is_alive(const std::string& process) {
  return ::kill(static_cast<pid_t>(std::stol(process)), 0) == 0;
}

}  // namespace

TEST_CASE("a contained plugin describes itself as it would here") {
  Hosted hosted;

  const auto& description = hosted.opened().description;

  CHECK(description.id == "test.trouble");
  CHECK(description.version == "1.0.0");
  CHECK(description.steps.size() == 26);
  CHECK(description.steps.front().type.name == "trouble.segv");
  CHECK(description.steps.front().execute == nullptr);
}

TEST_CASE("a contained call is offered all that a call is offered") {
  Hosted hosted({.file = std::string(STEPD_TEST_MODULES) + "/calls.so", .id = "test.calls"});
  const engine::CallRequest request{
      .id = {{12345}, 7},
      .epoch = {9},
      .tenant = "default",
      .job_name = "job",
      .step = "here",
      .type = "calls.everything",
      .attempt = 2,
      .attempts_max = 5,
      .outcome_unknown = true,
      .deadline = plugin::KeptPorts::start().wall + 60s,
      .timeout = 30s,
      .args = engine::JsonText(R"({"a":1})"),
      .earlier_outputs = {{"before", engine::JsonText("[1]")}, {"skipped", {}}}};

  plugin::KeptPorts kept;  // by a clock that stands still
  const auto outcome = hosted.opened().module->run(request, kept, {});

  INFO(outcome.error.message);
  CHECK(outcome.kind == OutcomeKind::succeeded);
  CHECK(outcome.output.view() == R"("all")");
  CHECK(kept.saves > 0);
  CHECK(kept.heard ==
        std::vector<std::string>{"heartbeat", "progress 500 half", R"(log 1 hello {"a":1})"});
}

TEST_CASE("A7: what ends its own process is a crash and the next call has another process") {
  struct Row {
    std::string how;
    std::string says;
  };
  const auto row =
      GENERATE(Row{"segv", "signal 11"}, Row{"abort", "signal 6"}, Row{"exit", "exit status 3"},
               Row{"leave", "exit status 4"}, Row{"kill", "signal 9"}, Row{"overflow", "signal 11"},
               Row{"nonsense", "was killed"}, Row{"close", "was killed"}, Row{"copy", "signal 11"});
  CAPTURE(row.how);
  Hosted hosted;
  const std::string first = hosted.process();

  const auto outcome = hosted.call("trouble." + row.how);

  CHECK(outcome.kind == OutcomeKind::crashed);
  CHECK(outcome.error.code == "crashed");
  CHECK_THAT(outcome.error.message, Contains(row.says) && Contains("trouble." + row.how));
  CHECK_FALSE(is_alive(first));
  CHECK(hosted.process() != first);
}

TEST_CASE("A7: a crash tells where it happened and what was printed last") {
  Hosted hosted;

  const auto outcome = hosted.call("trouble.abort");

  CHECK_THAT(outcome.error.message, Contains("(it printed: the table of rates is empty)"));
  const auto details = boost::json::parse(outcome.error.details.view());
  CHECK(details.at("signal").as_int64() == SIGABRT);
  CHECK_THAT(boost::json::serialize(details.at("backtrace")), Contains("trouble"));
}

TEST_CASE("what a step throws crosses to no other process") {
  Hosted hosted;
  const std::string process = hosted.process();

  const auto outcome = hosted.call("trouble.throw");

  CHECK(outcome.kind == OutcomeKind::retry);
  CHECK(outcome.error.code == "exception");
  CHECK(hosted.process() == process);
}

TEST_CASE("A7: those beside a crash are interrupted and only its own call is blamed") {
  Hosted hosted;
  auto neighbour = hosted.begin_now("trouble.wait_for_stop");

  const auto crashed = hosted.call("trouble.segv", "{}", 3);

  CHECK(crashed.kind == OutcomeKind::crashed);
  const auto beside = neighbour.get();
  CHECK(beside.kind == OutcomeKind::interrupted);
  CHECK_THAT(beside.error.message, Contains("through a call of another step"));
}

TEST_CASE("A7: where nobody knows who it was each runs alone next time") {
  Hosted hosted;
  auto neighbour = hosted.begin_now("trouble.wait_for_stop");

  CHECK(hosted.call("trouble.segv_elsewhere", "{}", 3).kind == OutcomeKind::interrupted);
  CHECK(neighbour.get().kind == OutcomeKind::interrupted);

  const std::string shared = hosted.process();
  CHECK(hosted.call("trouble.segv_elsewhere", "{}", 3).kind == OutcomeKind::crashed);
  CHECK(hosted.call("trouble.process", "{}", 2).output.view() != shared);
  CHECK(hosted.call("trouble.process", "{}", 2).output.view() == shared);
}

TEST_CASE("A5: a call that does not heed the stop is killed with its process") {
  Hosted hosted;
  const std::string process = hosted.process();
  std::stop_source stop;
  auto looping = hosted.begin_now("trouble.loop", stop.get_token());
  CHECK(is_alive(process));

  stop.request_stop();
  const auto outcome = looping.get();

  CHECK(outcome.kind == OutcomeKind::effect_unknown);
  CHECK_THAT(outcome.error.message, Contains("did not stop within 300 ms"));
  CHECK_FALSE(is_alive(process));
  CHECK(hosted.process() != process);
}

TEST_CASE("A5: a call that heeds the stop ends as it says and nothing is killed") {
  Hosted hosted;
  const std::string process = hosted.process();
  std::stop_source stop;
  auto waiting = hosted.begin_now("trouble.wait_for_stop", stop.get_token());

  stop.request_stop();

  CHECK(waiting.get().kind == OutcomeKind::cancelled);
  // Longer than the call before had to stop, and on the same line.
  CHECK(hosted.call("trouble.wait").kind == OutcomeKind::succeeded);
  CHECK(hosted.process() == process);
}

TEST_CASE("a stop that came before the call reaches it") {
  Hosted hosted;
  std::stop_source stop;
  stop.request_stop();

  CHECK(hosted.call("trouble.wait_for_stop", "{}", 1, stop.get_token()).kind ==
        OutcomeKind::cancelled);
}

TEST_CASE("arguments and outputs of any size arrive whole") {
  Hosted hosted;
  for (const std::size_t size : {0, 1, 65'000, 65'535, 65'536, 70'000, 900'000}) {
    const std::string args = "\"" + std::string(size, 'x') + "\"";
    const auto outcome = hosted.call("trouble.echo", args);
    REQUIRE(outcome.kind == OutcomeKind::succeeded);
    CHECK(outcome.output.view() == args);
  }
}

TEST_CASE("a call that is known to be quick is answered like any other") {
  Hosted hosted;
  PortsInTime ports(hosted.begun);
  auto request = Hosted::request("trouble.echo", "[1]", 1);
  request.quick = true;
  for (int time = 0; time < 200; ++time) {
    CHECK(hosted.opened().module->run(request, ports, {}).output.view() == "[1]");
  }
  request.type = "trouble.wait";
  CHECK(hosted.opened().module->run(request, ports, {}).kind == OutcomeKind::succeeded);
  request.type = "trouble.segv";
  CHECK(hosted.opened().module->run(request, ports, {}).kind == OutcomeKind::crashed);
}

TEST_CASE("many calls run in one process at a time") {
  Hosted hosted;
  const std::string process = hosted.process();
  std::vector<std::future<engine::Outcome>> calls;
  for (std::int64_t job = 1; job <= 40; ++job) calls.push_back(hosted.begin("trouble.wait", job));
  const auto began = std::chrono::steady_clock::now();

  for (auto& call : calls) CHECK(call.get().kind == OutcomeKind::succeeded);

  CHECK(std::chrono::steady_clock::now() - began < 10s);
  CHECK(hosted.process() == process);
}

TEST_CASE("what a plugin prints is logged line by line") {
  Hosted hosted;

  CHECK(hosted.call("trouble.print").kind == OutcomeKind::succeeded);

  REQUIRE(hosted.heard.wait_until(
      [](const std::string& all) { return all.find("error\n") != std::string::npos; }));
  CHECK_THAT(hosted.heard.copy(), Contains("test.trouble: to the standard output\n") &&
                                      Contains("test.trouble: to the standard error\n"));
}

TEST_CASE("A8: what a plugin leaves behind ends with its process") {
  const support::TemporaryFolder folder;
  const auto file = folder.path() / "held";
  {
    Hosted hosted;
    CHECK(hosted.call("trouble.child", "\"" + file.string() + "\"").kind == OutcomeKind::succeeded);
    CHECK(tests::eventually([&] { return std::filesystem::exists(file) && file_size(file) == 4; }));
    CHECK(hosted.call("trouble.segv").kind == OutcomeKind::crashed);
  }
  const std::ifstream held(file);
  struct flock whole {};
  whole.l_type = F_WRLCK;
  const int descriptor = ::open(file.c_str(), O_RDWR);
  CHECK(tests::eventually([&] { return ::fcntl(descriptor, F_SETLK, &whole) == 0; }));
  ::close(descriptor);
}

TEST_CASE("W3: a job is started as it was checked whatever the call has had checked beside it") {
  Hosted hosted;
  NamingPorts ports;

  const auto outcome =
      hosted.opened().module->run(Hosted::request("trouble.jobs", "{}", 1), ports, {});

  REQUIRE(outcome.spawns.size() == 2);
  CHECK(outcome.spawns[0].key == "a");
  CHECK(outcome.spawns[0].definition->name == "1");
  CHECK(outcome.spawns[1].key == "b");
  CHECK(outcome.spawns[1].definition->name == "3");
}

TEST_CASE("A1: what a forked copy of a step answers is no outcome of any call") {
  Hosted hosted;

  const auto outcome = hosted.call("trouble.twice", "[1]");

  CHECK(outcome.kind == OutcomeKind::succeeded);
  CHECK(outcome.output.view() == "[1]");
  for (int time = 0; time < 5; ++time) {
    CHECK(hosted.call("trouble.echo", "[2]").output.view() == "[2]");
  }
}

TEST_CASE("a plugin that prints without end is killed like any other and holds up nobody") {
  Hosted hosted;
  Hosted neighbour;
  std::stop_source stop;
  auto flooding = hosted.begin_now("trouble.flood", stop.get_token());
  CHECK(neighbour.call("trouble.segv").kind == OutcomeKind::crashed);
  CHECK(neighbour.call("trouble.echo").kind == OutcomeKind::succeeded);

  stop.request_stop();

  CHECK(flooding.get().error.code == "killed");
}

TEST_CASE("a process may do and use no more than it is to") {
  Hosted hosted({.limits = {.memory_bytes = std::uint64_t{1} << 50U,
                            .cpu_seconds = 1000,
                            .files = 64,
                            .processes = 50'000}});

  CHECK(hosted.call("trouble.confined").kind == OutcomeKind::succeeded);
  CHECK(hosted.call("trouble.limits").output.view() == "[1125899906842624,1000,64,50000]");
}

TEST_CASE("the process of a module that was retired ends with its last call") {
  Hosted hosted;
  const auto ends = [](const std::string& process) {
    return tests::eventually([&process] { return !is_alive(process); });
  };
  const std::string first = hosted.process();
  std::stop_source stop;
  auto running = hosted.begin_now("trouble.wait_for_stop", stop.get_token());

  hosted.opened().module->retire();
  CHECK(hosted.process() == first);
  stop.request_stop();
  CHECK(running.get().kind == OutcomeKind::cancelled);
  CHECK(ends(first));

  const std::string second = hosted.process();
  CHECK(second != first);
  CHECK(ends(second));

  hosted.opened().module->recall();
  const std::string third = hosted.process();
  CHECK(hosted.process() == third);
}

TEST_CASE("a process opens no more files than it may") {
  Hosted hosted({.limits = {.files = 64}});

  const auto outcome = hosted.call("trouble.files");

  INFO(outcome.error.message);
  REQUIRE(outcome.kind == OutcomeKind::succeeded);
  CHECK(std::stoi(std::string(outcome.output.view())) < 64);
}

TEST_CASE("a plugin sees nothing of the host's environment but what shows the way") {
  ::setenv("STEPD_TEST_SECRET", "sesame", 1);
  CHECK(Hosted().call("trouble.environment").output.view() == "null");

  CHECK(Hosted({.environment = {"STEPD_TEST_S*"}}).call("trouble.environment").output.view() ==
        "\"seen\"");
}

TEST_CASE("a process that ends again and again is not started at once each time") {
  Hosted hosted;
  for (int time = 0; time < 4; ++time) {
    CHECK(hosted.call("trouble.segv").kind == OutcomeKind::crashed);
  }

  const auto outcome = hosted.call("trouble.segv");

  CHECK(outcome.kind == OutcomeKind::not_started);
  CHECK(outcome.retry_after.value_or(0s) > 250ms);
  CHECK(outcome.retry_after.value_or(1h) <= 400ms);
  CHECK_THAT(outcome.error.message, Contains("several times in a row"));
  CHECK(tests::eventually(
      [&] { return hosted.call("trouble.echo").kind == OutcomeKind::succeeded; }));
  CHECK(hosted.call("trouble.segv").kind == OutcomeKind::crashed);
}

TEST_CASE("a module that cannot be opened says why") {
  ProcessContainment containment({.command = {STEPD_TEST_PROCESS},
                                  .open_limit = 300ms,
                                  .host_version = "0.1.0",
                                  .limits = {},
                                  .log = [](std::string_view, std::int32_t, std::string_view) {}});
  const std::string modules = STEPD_TEST_MODULES;
  const auto fact = [&](const std::string& name) {
    auto opened = containment.open(modules + "/" + name + ".so", "test");
    const auto* bad = std::get_if<plugin::BadDescription>(&opened);
    return bad ? bad->fact : "nothing is wrong";
  };

  CHECK_THAT(fact("crashing"),
             Contains("crashed: signal 6") && Contains("it printed: the table of rates is empty"));
  CHECK_THAT(fact("exiting"), Contains("ended itself: exit status 0"));
  CHECK_THAT(fact("hanging"), Contains("does not load within 300 ms"));
  CHECK_THAT(fact("bad_saga"), Contains("bad.saga is a saga step without"));
  CHECK_THAT(fact("null_entry"), Contains("stepd_plugin_v1 returned NULL"));
}

TEST_CASE("a plugin that refuses to start says why") {
  ProcessContainment containment({.command = {STEPD_TEST_PROCESS},
                                  .start_limit = 300ms,
                                  .host_version = "0.1.0",
                                  .limits = {},
                                  .log = [](std::string_view, std::int32_t, std::string_view) {}});
  const std::string modules = STEPD_TEST_MODULES;
  const auto fact = [&](const std::string& name) {
    auto opened = containment.open(modules + "/" + name + ".so", "test");
    REQUIRE(std::holds_alternative<plugin::ContainedPlugin>(opened));
    return std::get<plugin::ContainedPlugin>(opened).module->start("{}").value_or("it starts");
  };

  CHECK_THAT(fact("aborting_init"), Contains("crashed: signal 6"));
  CHECK_THAT(fact("hanging_init"), Contains("does not start within 300 ms"));
}
