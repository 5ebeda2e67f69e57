#include <boost/describe.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stepd/plugin.hpp>
#include <string>

namespace {

using namespace std::chrono_literals;

void nothing(stepd::Context&) {}

class Saga : public stepd::SagaStep<void> {
 public:
  void execute(stepd::Context&, const stepd::Nothing&) {}
  void compensate(stepd::Context&, const stepd::Nothing&, const std::optional<stepd::Nothing>&) {}
  stepd::ProbeAnswer<void> probe(stepd::Context&, const stepd::Nothing&) {
    return stepd::TookNoEffect{};
  }
};

struct Settings {
  std::string ledger = "ledger.db";
  std::int32_t connections = 4;
};
BOOST_DESCRIBE_STRUCT(Settings, (), (ledger, connections))

}  // namespace

TEST_CASE("everything said of a step type reaches the host") {
  stepd::Plugin plugin("test.plugin", "2.1.0");
  plugin.saga<Saga>("test.saga")
      .version(3, 2)
      .title("A saga")
      .description("For a test.")
      .retry({.attempts_max = 5, .initial = 200ms, .multiplier = 1.5})
      .compensate_retry({.max = 1min, .jitter = 0.1})
      .timeout(30s)
      .heartbeat(5s)
      .compensate_timeout(1min)
      .not_repeatable();

  const auto& abi = plugin.abi();
  REQUIRE(abi.step_count == 1);
  const stepd_step& step = *abi.steps[0];

  CHECK(stepd::text_of(abi.id) == "test.plugin");
  CHECK(stepd::text_of(abi.version) == "2.1.0");
  CHECK(abi.abi_minor_needed == 0);
  CHECK(stepd::text_of(step.type) == "test.saga");
  CHECK(step.kind == STEPD_KIND_SAGA);
  CHECK(step.version == 3);
  CHECK(step.accepts_from == 2);
  CHECK(stepd::text_of(step.title) == "A saga");
  CHECK(stepd::text_of(step.description) == "For a test.");
  REQUIRE(step.retry);
  CHECK(step.retry->attempts_max == 5);
  CHECK(step.retry->initial_ms == 200);
  CHECK(step.retry->max_ms == -1);
  CHECK(step.retry->multiplier_milli == 1500);
  CHECK(step.retry->jitter_permille == -1);
  REQUIRE(step.compensate_retry);
  CHECK(step.compensate_retry->attempts_max == 0);
  CHECK(step.compensate_retry->max_ms == 60000);
  CHECK(step.compensate_retry->jitter_permille == 100);
  CHECK(step.timeout_ms == 30000);
  CHECK(step.heartbeat_ms == 5000);
  CHECK(step.compensate_timeout_ms == 60000);
  CHECK(step.not_repeatable == 1);
  CHECK(step.execute);
  CHECK(step.compensate);
  CHECK(step.probe);
}

TEST_CASE("a plain step has neither compensation nor probe nor policies of its own") {
  stepd::Plugin plugin("test.plugin", "1");
  plugin.step<nothing>("test.nothing");

  const stepd_step& step = *plugin.abi().steps[0];

  CHECK(step.kind == STEPD_KIND_PLAIN);
  CHECK(step.version == 1);
  CHECK(step.accepts_from == 1);
  CHECK_FALSE(step.compensate);
  CHECK_FALSE(step.probe);
  CHECK_FALSE(step.retry);
  CHECK_FALSE(step.compensate_retry);
}

TEST_CASE("init gets the configuration with what the struct says for what is absent") {
  stepd::Plugin plugin("test.plugin", "1");
  Settings seen;
  plugin.on_init<Settings>([&](const Settings& settings) { seen = settings; });

  plugin.init(R"({"ledger":"other.db"})");

  CHECK(seen.ledger == "other.db");
  CHECK(seen.connections == 4);
}

TEST_CASE("a configuration with a misspelt or unfit member is refused by its path") {
  stepd::Plugin plugin("test.plugin", "1");
  plugin.on_init<Settings>([](const Settings&) {});

  CHECK_THROWS_WITH(plugin.init(R"({"connection":4})"),
                    "/connection: is unknown; expected are ledger, connections");
  CHECK_THROWS_WITH(plugin.init(R"({"connections":"four"})"),
                    "/connections: must be a whole number");
}
