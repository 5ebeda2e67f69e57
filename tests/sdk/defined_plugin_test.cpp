// What STEPD_PLUGIN makes of the function that describes a plugin, as the host meets it.
#include <boost/describe.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <stepd/plugin.hpp>
#include <string>

namespace {

struct Settings {
  std::int32_t connections = 4;
};
BOOST_DESCRIBE_STRUCT(Settings, (), (connections))

struct Events {
  std::int32_t connections = 0;
  std::chrono::milliseconds budget{};
};
Events& events() {
  static Events seen;
  return seen;
}

void nothing(stepd::Context&) {}

void describe_configured(stepd::Plugin& plugin) {
  plugin.step<nothing>("test.nothing");
  plugin.on_init<Settings>([](const Settings& settings) {
    if (settings.connections == 0) throw std::runtime_error("connections is 0; allow one at least");
    events().connections = settings.connections;
  });
  plugin.on_quiesce([](std::chrono::milliseconds budget) { events().budget = budget; });
}
void describe_plain(stepd::Plugin& plugin) { plugin.step<nothing>("test.nothing"); }
void describe_badly(stepd::Plugin&) { throw std::runtime_error("no idea"); }

const stepd_plugin& configured() {
  return *stepd::detail::DefinedPlugin<&describe_configured>::abi("test.configured", "1");
}

struct Started {
  stepd_status status = STEPD_OK;
  std::string refusal;
};
Started started(const char* configuration) {
  Started answer;
  answer.status = configured().init(
      nullptr, stepd::borrowed(configuration),
      [](void* refusal, stepd_str message) {
        *static_cast<std::string*>(refusal) = stepd::text_of(message);
      },
      &answer.refusal);
  return answer;
}

}  // namespace

TEST_CASE("a plugin is described once and stays where it is") {
  CHECK(&configured() == &configured());
  CHECK(configured().step_count == 1);
}

TEST_CASE("a plugin without hooks offers none to the host") {
  const auto* plugin = stepd::detail::DefinedPlugin<&describe_plain>::abi("test.plain", "1");

  REQUIRE(plugin);
  CHECK_FALSE(plugin->init);
  CHECK_FALSE(plugin->quiesce);
}

TEST_CASE("a plugin whose description throws describes nothing") {
  CHECK_FALSE(stepd::detail::DefinedPlugin<&describe_badly>::abi("test.bad", "1"));
}

TEST_CASE("init hands over the configuration and what it throws refuses the plugin in its words") {
  const auto good = started(R"({"connections":7})");
  const auto empty = started("");
  const auto misspelt = started(R"({"conections":7})");
  const auto thrown = started(R"({"connections":0})");

  CHECK(good.status == STEPD_OK);
  CHECK(empty.status == STEPD_OK);
  CHECK(events().connections == 4);
  CHECK(misspelt.status < 0);
  CHECK(misspelt.refusal == "/conections: is unknown; expected are connections");
  CHECK(thrown.status < 0);
  CHECK(thrown.refusal == "connections is 0; allow one at least");
}

TEST_CASE("quiesce is told its budget") {
  CHECK(configured().quiesce(2500) == STEPD_OK);

  CHECK(events().budget == std::chrono::milliseconds(2500));
}
