#include "host/plugin/plugin_description.hpp"

#include <catch2/catch.hpp>
#include <functional>

#include "host/plugin/borrowed.hpp"
#include "tests/plugin/small_plugins.hpp"

using namespace stepd;
using namespace stepd::plugin;
using std::chrono::milliseconds;

namespace {

stepd_outcome do_nothing(void*, stepd_context*) { return STEPD_SUCCEEDED; }

/// A description that is good until a test spoils it.
struct Described {
  stepd_retry_policy retry{sizeof(stepd_retry_policy), 3, 100, 1000, 2000, 100};
  stepd_step step{};
  const stepd_step* steps[2] = {&step, &step};
  stepd_plugin plugin{};

  Described() {
    step.struct_size = sizeof step;
    step.kind = STEPD_KIND_SAGA;
    step.type = lend("bank.transfer_out");
    step.version = 2;
    step.accepts_from = 1;
    step.args_schema = lend(R"({"type":"object"})");
    step.retry = &retry;
    step.timeout_ms = 500;
    step.execute = do_nothing;
    step.compensate = do_nothing;
    step.probe = do_nothing;
    plugin.struct_size = sizeof plugin;
    plugin.id = lend("demo.bank");
    plugin.version = lend("2.1.0");
    plugin.step_count = 1;
    plugin.steps = steps;
  }

  [[nodiscard]] std::string fault() const {
    const auto described = describe(&plugin);
    const auto* bad = std::get_if<BadDescription>(&described);
    return bad == nullptr ? "" : bad->fact;
  }
};

std::string fault_after(const std::function<void(Described&)>& spoil) {
  Described described;
  spoil(described);
  return described.fault();
}

}  // namespace

TEST_CASE("a step type becomes a value without a pointer into the plugin") {
  const Described described;

  const auto description = std::get<PluginDescription>(describe(&described.plugin));

  REQUIRE(description.steps.size() == 1);
  const engine::StepType& type = description.steps[0].type;
  CHECK(type.name == "bank.transfer_out");
  CHECK(type.plugin == "demo.bank 2.1.0");
  CHECK(type.kind == engine::StepKind::saga);
  CHECK(type.version == 2);
  CHECK(type.accepts_from == 1);
  CHECK(type.offers_probe);
  CHECK_FALSE(type.not_repeatable);
  CHECK(type.timeout == milliseconds(500));
  CHECK(type.retry.attempts_max == 3U);
  CHECK(type.retry.initial == milliseconds(100));
  CHECK(type.retry.multiplier == 2.0);
  CHECK(type.retry.jitter == 0.1);
  CHECK(type.compensate_retry == engine::RetryOverrides{});
  CHECK(type.args_schema.view() == R"({"type":"object"})");
}

TEST_CASE("a retry policy says nothing of what it leaves unset") {
  Described described;
  described.retry = {sizeof(stepd_retry_policy), 0, -1, -1, -1, -1};

  const auto description = std::get<PluginDescription>(describe(&described.plugin));

  CHECK(description.steps[0].type.retry == engine::RetryOverrides{});
}

TEST_CASE("a struct that ends earlier lacks the fields behind its end") {
  Described described;
  described.step.not_repeatable = 1;
  described.step.struct_size = offsetof(stepd_step, probe);

  const auto description = std::get<PluginDescription>(describe(&described.plugin));

  CHECK_FALSE(description.steps[0].type.offers_probe);
  CHECK_FALSE(description.steps[0].type.not_repeatable);
}

TEST_CASE("whatever is wrong with a description is named") {
  struct Row {
    const char* fact;
    std::function<void(Described&)> spoil;
  };
  const std::vector<Row> rows{
      {"describes itself with a struct_size", [](auto& d) { d.plugin.struct_size = 16; }},
      {"needs the stepd plugin ABI 1.9", [](auto& d) { d.plugin.abi_minor_needed = 9; }},
      {"offers 0 step types", [](auto& d) { d.plugin.step_count = 0; }},
      {"offers 0 step types", [](auto& d) { d.plugin.steps = nullptr; }},
      {"offers 4000000000 step types", [](auto& d) { d.plugin.step_count = 4'000'000'000; }},
      {"step number 1 is NULL", [](auto& d) { d.steps[0] = nullptr; }},
      {"offers the step type bank.transfer_out twice", [](auto& d) { d.plugin.step_count = 2; }},
      {"struct_size that is too small", [](auto& d) { d.step.struct_size = 8; }},
      {"a saga step without compensate",
       [](auto& d) { d.step.struct_size = offsetof(stepd_step, compensate); }},
      {"a saga step without compensate", [](auto& d) { d.step.compensate = nullptr; }},
      {"is no saga step", [](auto& d) { d.step.kind = STEPD_KIND_PLAIN; }},
      {"of the kind 5", [](auto& d) { d.step.kind = 5; }},
      {"has no execute", [](auto& d) { d.step.execute = nullptr; }},
      {"is called \"transfer\"", [](auto& d) { d.step.type = lend("transfer"); }},
      {"is called \"Bank.out\"", [](auto& d) { d.step.type = lend("Bank.out"); }},
      {"is called \"bank..out\"", [](auto& d) { d.step.type = lend("bank..out"); }},
      {"is called \"bank.out.\"", [](auto& d) { d.step.type = lend("bank.out."); }},
      {"is called \"\"", [](auto& d) { d.step.type = {}; }},
      {"type has a length but no bytes",
       [](auto& d) {
         d.step.type = {nullptr, 5};
       }},
      {"title is not UTF-8", [](auto& d) { d.step.title = lend("\xFF"); }},
      {"version 0", [](auto& d) { d.step.version = 0; }},
      {"accepts steps from version 0", [](auto& d) { d.step.accepts_from = 0; }},
      {"accepts steps from version 3", [](auto& d) { d.step.accepts_from = 3; }},
      {"args_schema is not JSON", [](auto& d) { d.step.args_schema = lend("{"); }},
      {"output_schema is not a JSON object", [](auto& d) { d.step.output_schema = lend("3"); }},
      {"timeout_ms is -5 ms", [](auto& d) { d.step.timeout_ms = -5; }},
      {"heartbeat_ms is", [](auto& d) { d.step.heartbeat_ms = INT64_MAX; }},
      {"retry has a struct_size", [](auto& d) { d.retry.struct_size = 12; }},
      {"count as an end", [](auto& d) { d.retry.attempts_max = UINT32_MAX; }},
      {"initial_ms is -7 ms", [](auto& d) { d.retry.initial_ms = -7; }},
      {"max_ms is less than its initial_ms", [](auto& d) { d.retry.max_ms = 50; }},
      {"multiplier_milli is 500", [](auto& d) { d.retry.multiplier_milli = 500; }},
      {"jitter_permille is 1001", [](auto& d) { d.retry.jitter_permille = 1001; }},
  };

  REQUIRE(Described{}.fault().empty());
  for (const Row& row : rows) {
    INFO(row.fact);
    CHECK_THAT(fault_after(row.spoil), Catch::Contains(row.fact));
  }
  CHECK(std::get<BadDescription>(describe(nullptr)).fact ==
        "could not describe itself: stepd_plugin_v1 returned NULL");
}

TEST_CASE("a schema with a keyword that would not be checked is refused") {
  CHECK_THAT(fault_after([](auto& d) {
               d.step.args_schema = lend(R"({"type":"object","dependentSchemas":{"a":{}}})");
             }),
             Catch::Contains("args_schema uses the keyword"));
}
