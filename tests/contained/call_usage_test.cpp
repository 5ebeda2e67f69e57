#include <catch2/catch.hpp>

#include "tests/contained/hosted.hpp"

using namespace stepd;
using namespace stepd::contained::testing;

TEST_CASE("a call tells the processor time of its thread and the peak of its process") {
  Hosted hosted;

  const auto outcome = hosted.call("trouble.burn");

  REQUIRE(outcome.kind == OutcomeKind::succeeded);
  REQUIRE(outcome.used.cpu);
  CHECK(*outcome.used.cpu >= 49ms);
  CHECK(*outcome.used.cpu < 200ms);
  CHECK(outcome.used.memory_kib.value_or(0) > 1000);
}

TEST_CASE("of a quick call what it took is taken for its processor time") {
  Hosted hosted;
  auto quick = Hosted::request("trouble.process", "{}", 1);
  quick.quick = true;
  auto slow = Hosted::request("trouble.wait", "{}", 1);
  slow.quick = true;
  plugin::KeptPorts ports;

  static_cast<void>(hosted.opened().module->run(quick, ports, {}));
  const auto waited = hosted.opened().module->run(slow, ports, {});

  CHECK(waited.kind == OutcomeKind::succeeded);
  CHECK_FALSE(waited.used.cpu);
  CHECK(waited.used.memory_kib);
}

TEST_CASE("a call that crashes tells what it had used until then") {
  Hosted hosted;

  const auto outcome = hosted.call("trouble.segv");

  CHECK(outcome.kind == OutcomeKind::crashed);
  CHECK(outcome.used.cpu);
  CHECK(outcome.used.memory_kib.value_or(0) > 1000);
}

TEST_CASE("the host sees what a call that goes on has had of a processor") {
  Hosted hosted;
  struct MeasuringPorts final : plugin::KeptPorts {
    void begins(const std::function<plugin::CpuClock()>& clock) override {
      measured.change([&](plugin::CpuClock& made) { made = clock(); });
    }
    tests::Watched<plugin::CpuClock> measured;
  };
  MeasuringPorts ports;
  std::stop_source stop;
  auto looping = std::async(std::launch::async, [&] {
    return hosted.opened().module->run(Hosted::request("trouble.loop", "{}", 1), ports,
                                       stop.get_token());
  });
  REQUIRE(ports.measured.wait_until([](const plugin::CpuClock& clock) { return bool(clock); }));
  const plugin::CpuClock clock = ports.measured.copy();

  CHECK(tests::eventually([&] { return clock().value_or(0us) >= 50ms; }));

  stop.request_stop();
  const auto outcome = looping.get();
  CHECK(outcome.kind == OutcomeKind::effect_unknown);
  CHECK(outcome.used.memory_kib.value_or(0) > 1000);
  CHECK_FALSE(clock());
}
