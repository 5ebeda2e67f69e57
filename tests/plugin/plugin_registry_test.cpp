#include "host/plugin/plugin_registry.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <set>

#include "host/plugin/plugin_file.hpp"
#include "host/plugin/step_call.hpp"
#include "tests/plugin/kept_ports.hpp"
#include "tests/plugin/small_plugins.hpp"

using namespace stepd;
using namespace stepd::plugin;
using Catch::Contains;

namespace {

PluginLine only_line(const PluginRegistry::Loading& loading) {
  REQUIRE(loading.lines.size() == 1);
  return loading.lines.front();
}

std::string refusal_when_loading(const std::string& plugin) {
  const PluginsAtHand at_hand;
  PluginRegistry registry(at_hand.settings);
  const PluginLine line = only_line(registry.load({at_hand.put(plugin)}));
  CHECK(registry.catalogue()->types.empty());
  CHECK(registry.lines() == std::vector{line});
  return line.refused;
}

engine::Outcome call(const PluginRegistry& registry, const std::string& type, std::string args) {
  const auto step = registry.find(type);
  REQUIRE(step != nullptr);
  KeptPorts ports;
  const engine::CallRequest request{
      .id = {{1}, 1}, .step = "s", .type = type, .args = engine::JsonText(std::move(args))};
  return run_call(*step, request, ports, {});
}

}  // namespace

TEST_CASE("a plugin that is loaded offers its step types as values") {
  const PluginsAtHand at_hand;
  PluginRegistry registry(at_hand.settings);
  const auto file = at_hand.put("good");

  const auto loading = registry.load({file});

  CHECK(loading.catalogue_changed);
  const PluginLine line = only_line(loading);
  CHECK(line.file == file.string());
  CHECK(line.id == "test.good");
  CHECK(line.version == "1.2.0");
  CHECK(line.step_types == std::vector<std::string>{"good.echo"});
  CHECK(line.refused.empty());
  const engine::StepType* type = registry.catalogue()->find("good.echo");
  REQUIRE(type != nullptr);
  CHECK(type->plugin == "test.good 1.2.0");
  CHECK(type->module == line.module);
  CHECK(type->module.value != 0);
  CHECK(type->version == 3);
  CHECK(type->accepts_from == 2);
  CHECK(type->not_repeatable);
  CHECK(call(registry, "good.echo", R"({"a":1})").output.view() == R"({"a":1})");
  CHECK(registry.find("good.other") == nullptr);
}

TEST_CASE("what harms its process harms only the one that tries it") {
  CHECK_THAT(refusal_when_loading("crashing"),
             Contains("crashing.so crashes the process that loads it: signal 6") &&
                 Contains("it printed: the table of rates is empty") &&
                 Contains("tell its author"));
  CHECK_THAT(refusal_when_loading("exiting"),
             Contains("ends the process that loads it: exit status 0"));
  CHECK_THAT(refusal_when_loading("unresolved"),
             Contains("cannot be loaded: undefined symbol: a_function_that_nobody_offers; "));
}

TEST_CASE("the process that tries a plugin holds no descriptor of the host's") {
  constexpr int open_in_the_host = 200;
  REQUIRE(::dup2(0, open_in_the_host) == open_in_the_host);

  const auto fact = probe(test_probe(), small_plugin("afraid"));
  ::close(open_in_the_host);

  CHECK(fact.value_or("loads") == "loads");
}

TEST_CASE("a plugin that hangs while it loads is refused when its time is up") {
  PluginsAtHand at_hand;
  at_hand.settings.probe.time_limit = std::chrono::milliseconds(300);
  PluginRegistry registry(at_hand.settings);

  const PluginLine line = only_line(registry.load({at_hand.put("hanging")}));

  CHECK_THAT(line.refused, Contains("does not load within 300 ms"));
}

TEST_CASE("a plugin that describes itself badly is refused with what is wrong") {
  CHECK_THAT(refusal_when_loading("no_entry"), Contains("does not export stepd_plugin_v1"));
  CHECK_THAT(refusal_when_loading("null_entry"), Contains("stepd_plugin_v1 returned NULL"));
  CHECK_THAT(refusal_when_loading("undescribed"),
             Contains("stepd_plugin_v1 returned NULL") &&
                 Contains("it printed: test.undescribed cannot describe itself: the list of steps "
                          "is not to be had"));
  CHECK_THAT(refusal_when_loading("bad_saga"), Contains("bad.saga is a saga step without"));
  CHECK_THAT(refusal_when_loading("two_faces"),
             Contains("calls itself test.two_faces 1.2.0 in its note and test.another 1.2.0"));
}

TEST_CASE("bad files keep no good one from loading") {
  const PluginsAtHand at_hand;
  PluginRegistry registry(at_hand.settings);
  at_hand.put("crashing");
  at_hand.put("good");
  at_hand.put("newer_abi");
  at_hand.put("other");
  write_file(at_hand.folder / "text.so", "hello");
  write_file(at_hand.folder / "short.so", bytes_of(small_plugin("good")).substr(0, 5000));

  const auto loading = registry.load(plugin_files(at_hand.folder));

  CHECK(loading.lines.size() == 6);
  CHECK(registry.lines().size() == 6);
  CHECK(registry.catalogue()->types.size() == 2);
  for (const PluginLine& line : registry.lines()) {
    if (line.refused.empty()) continue;
    CHECK_THAT(line.refused, Catch::StartsWith(line.file) && Contains("; "));
  }
}

TEST_CASE("without a program to try plugins in none is loaded") {
  PluginsAtHand at_hand;
  at_hand.settings.probe.command = {"/nowhere/stepd"};
  PluginRegistry registry(at_hand.settings);

  CHECK_THAT(only_line(registry.load({at_hand.put("good")})).refused,
             Contains("cannot be tried") && Contains("No such file"));
}

TEST_CASE("of two plugins with one step type the second is refused by name") {
  const PluginsAtHand at_hand;
  PluginRegistry registry(at_hand.settings);
  const auto first = at_hand.put("good");
  const auto second = at_hand.put("same_type");

  const auto loading = registry.load({first, second});

  REQUIRE(loading.lines.size() == 2);
  CHECK(loading.lines[1].refused == second.string() +
                                        " offers the step type good.echo, which test.good 1.2.0 "
                                        "from " +
                                        first.string() + " offers already; remove one of the two");
  CHECK(registry.catalogue()->find("good.echo")->plugin == "test.good 1.2.0");
}

TEST_CASE("of several builds of one plugin the highest version is taken") {
  const PluginsAtHand at_hand;
  PluginRegistry registry(at_hand.settings);
  const auto older = at_hand.put("good", "a");
  const auto newer = at_hand.put("good_newer", "b");

  const auto loading = registry.load({older, newer});

  CHECK(registry.catalogue()->find("good.echo")->plugin == "test.good 1.10.0");
  REQUIRE(loading.lines.size() == 2);
  CHECK_THAT(loading.lines[0].refused,
             Contains("holds version 1.2.0, which is no newer") && Contains(newer.string()));
}

TEST_CASE("a refused file is looked at anew when it changes and forgotten when it goes") {
  const PluginsAtHand at_hand;
  PluginRegistry registry(at_hand.settings);
  const auto file = at_hand.folder / "good.so";
  write_file(file, "not yet");
  REQUIRE_FALSE(only_line(registry.load({file})).refused.empty());

  SECTION("it becomes good") {
    at_hand.put("good");
    CHECK(registry.load({file}).catalogue_changed);
    CHECK(registry.lines().size() == 1);
    CHECK(registry.lines().front().refused.empty());
  }
  SECTION("it goes") {
    std::filesystem::remove(file);
    CHECK(registry.load({file}).lines.empty());
    CHECK(registry.lines().empty());
  }
}

TEST_CASE("a copy that was tampered with is written anew") {
  const PluginsAtHand at_hand;
  const auto file = at_hand.put("good");
  REQUIRE(PluginRegistry(at_hand.settings).load({file}).catalogue_changed);
  const auto copy = ModuleFolder(at_hand.settings.modules).module_of(bytes_of(file)).file;
  std::filesystem::remove(copy);
  write_file(copy, "tampered with");

  PluginRegistry registry(at_hand.settings);
  CHECK(registry.load({at_hand.put("good")}).catalogue_changed);
  CHECK(bytes_of(copy) == bytes_of(small_plugin("good")));
}

TEST_CASE("a plugin is configured by its id and its refusal is shown") {
  PluginsAtHand at_hand;
  std::vector<std::string> logged;
  at_hand.settings.log = [&logged](std::string_view plugin, std::int32_t, std::string_view words) {
    logged.push_back(std::string(plugin) + ": " + std::string(words));
  };

  SECTION("as it wants to be") {
    at_hand.settings.configuration["test.init"] = {{"rate", 3}};
    PluginRegistry registry(at_hand.settings);
    CHECK(registry.load({at_hand.put("init")}).catalogue_changed);
    CHECK(logged == std::vector<std::string>{"test.init: rate is 3"});
    CHECK(call(registry, "init.rate", "{}").output.view() == "3");
  }
  SECTION("as it wants to be, though what it says cannot be taken") {
    at_hand.settings.log = [](auto...) { throw std::runtime_error("no room for a line"); };
    at_hand.settings.configuration["test.init"] = {{"rate", 3}};
    PluginRegistry registry(at_hand.settings);
    CHECK(registry.load({at_hand.put("init")}).catalogue_changed);
  }
  SECTION("not at all") {
    PluginRegistry registry(at_hand.settings);
    CHECK_THAT(only_line(registry.load({at_hand.put("init")})).refused,
               Contains("does not start: \"rate\" is missing; correct its configuration"));
    CHECK(registry.catalogue()->types.empty());
  }
  SECTION("one whose init throws") {
    at_hand.settings.configuration["test.throwing"] = {{"any", "thing"}};
    PluginRegistry registry(at_hand.settings);
    CHECK_THAT(only_line(registry.load({at_hand.put("throwing")})).refused,
               Contains("its init threw no configuration wanted"));
  }
}

TEST_CASE("a plugin whose init does not return is refused and the rest loads") {
  PluginsAtHand at_hand;
  at_hand.settings.init_limit = std::chrono::milliseconds(100);
  PluginRegistry registry(at_hand.settings);

  const auto loading = registry.load({at_hand.put("hanging_init"), at_hand.put("good")});

  REQUIRE(loading.lines.size() == 2);
  CHECK_THAT(loading.lines[0].refused, Contains("its init has not returned within 100 ms"));
  CHECK(loading.lines[1].refused.empty());
  CHECK(registry.catalogue()->find("init.nothing") == nullptr);
  CHECK_THAT(registry.load({at_hand.put("hanging_init", "again")}).lines.back().refused,
             Contains("an init of plugin test.hanging_init has not returned yet"));
  CHECK(at_hand.copies() == 2);
}

TEST_CASE("A7: a build whose init ended the process before is refused until it is another") {
  PluginsAtHand at_hand;
  at_hand.settings.configuration["test.init"] = {{"rate", 3}};
  const auto file = at_hand.put("init");
  const auto leave_unfinished = [&] {
    const ModuleFolder folder(at_hand.settings.modules);
    auto unfinished = folder.module_of(bytes_of(file)).file;
    write_file(unfinished.replace_extension(".starting"), "");
  };

  SECTION("though it stays so over many starts") {
    leave_unfinished();
    for (const bool crashed : {true, false, false}) {
      at_hand.settings.init_crashed = crashed;
      PluginRegistry registry(at_hand.settings);
      CHECK_THAT(only_line(registry.load({file})).refused, Contains("ended stepd when it was"));
      CHECK(registry.restore().lines.empty());
    }
    write_file(file, bytes_of(small_plugin("good")));
    PluginRegistry registry(at_hand.settings);
    CHECK(only_line(registry.load({file})).refused.empty());
    CHECK(registry.restore().lines.empty());
    CHECK(at_hand.copies() == 1);
  }
  SECTION("and not when the process died of something else meanwhile") {
    leave_unfinished();
    for (int start = 0; start < 2; ++start) {
      PluginRegistry registry(at_hand.settings);
      CHECK(only_line(registry.load({file})).refused.empty());
    }
  }
}

TEST_CASE("an exception that leaves a plugin is a failed attempt") {
  const PluginsAtHand at_hand;
  PluginRegistry registry(at_hand.settings);
  REQUIRE(registry.load({at_hand.put("throwing")}).catalogue_changed);

  const auto error = call(registry, "throwing.error", "{}");
  CHECK(error.kind == engine::OutcomeKind::retry);
  CHECK(error.error == engine::Error{"exception", "no rates today", {}});
  const auto number = call(registry, "throwing.number", "{}");
  CHECK(number.kind == engine::OutcomeKind::retry);
  CHECK(number.error.code == "exception");
}

TEST_CASE("a plugin that throws when it is to end its threads is named") {
  const PluginsAtHand at_hand;
  PluginRegistry registry(at_hand.settings);
  REQUIRE(registry.load({at_hand.put("throwing")}).catalogue_changed);

  CHECK(registry.quiesce(std::chrono::seconds(1)) ==
        std::vector<std::string>{"test.throwing threw something that is no std::exception"});
}

TEST_CASE("a plain C step is answered rightly whatever it asks of the host") {
  const PluginsAtHand at_hand;
  PluginRegistry registry(at_hand.settings);
  REQUIRE(registry.load({at_hand.put("calls")}).catalogue_changed);
  KeptPorts ports;
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
      .deadline = KeptPorts::start().wall + std::chrono::seconds(60),
      .timeout = std::chrono::seconds(30),
      .args = engine::JsonText(R"({"a":1})"),
      .earlier_outputs = {{"before", engine::JsonText("[1]")}, {"skipped", {}}}};

  const auto outcome = run_call(*registry.find("calls.everything"), request, ports, {});

  INFO(outcome.error.message);
  CHECK(outcome.kind == engine::OutcomeKind::succeeded);
  CHECK(outcome.output.view() == R"("all")");
  CHECK(ports.heard ==
        std::vector<std::string>{"heartbeat", "progress 500 half", R"(log 1 hello {"a":1})"});
}
