#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <future>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "host/contained/containment.hpp"
#include "host/runtime/clock.hpp"
#include "tests/plugin/kept_ports.hpp"
#include "tests/support/watched.hpp"

namespace stepd::contained::testing {

using engine::OutcomeKind;
using namespace std::chrono_literals;

/// By a clock that goes, as that of a daemon does; progress says that a call has begun.
class PortsInTime final : public plugin::KeptPorts {
 public:
  explicit PortsInTime(tests::Watched<int>& begun) : begun_(begun) {}
  void progress(std::uint32_t, std::string) override {
    begun_.change([](int& calls) { ++calls; });
  }
  engine::Now now() override { return clock_.now(); }

 private:
  tests::Watched<int>& begun_;
  const runtime::SystemClock clock_;
};

/// A module in a process, and calls of its steps.
class Hosted {
 public:
  struct Setting {
    std::string file = STEPD_TEST_TROUBLE;
    std::string id = "test.trouble";
    ProcessLimits limits{};
    std::vector<std::string> environment{};
  };
  Hosted() : Hosted(Setting()) {}
  explicit Hosted(const Setting& setting) : containment_(settings(setting)) {
    auto opened = containment_.open(setting.file, setting.id);
    if (auto* bad = std::get_if<plugin::BadDescription>(&opened)) FAIL(bad->fact);
    opened_ = std::get<plugin::ContainedPlugin>(std::move(opened));
    const auto fault = opened_.module->start("{}");
    if (fault) FAIL(*fault);
  }

  engine::Outcome call(const std::string& type, const std::string& args = "{}",
                       std::int64_t job = 1, std::stop_token stop = {}) {
    PortsInTime ports(begun);
    return opened_.module->run(request(type, args, job), ports, std::move(stop));
  }
  std::future<engine::Outcome> begin(const std::string& type, std::int64_t job,
                                     std::stop_token stop = {}) {
    return std::async(std::launch::async,
                      [this, type, job, stop] { return call(type, "{}", job, stop); });
  }
  /// Once it has begun.
  std::future<engine::Outcome> begin_now(const std::string& type, std::stop_token stop = {}) {
    begun.change([](int& calls) { calls = 0; });
    auto call = begin(type, 2, std::move(stop));
    REQUIRE(begun.wait_until([](int calls) { return calls == 1; }));
    return call;
  }
  [[nodiscard]] std::string process() {
    const auto outcome = call("trouble.process");
    REQUIRE(outcome.kind == OutcomeKind::succeeded);
    return std::string(outcome.output.view());
  }
  [[nodiscard]] plugin::ContainedPlugin& opened() { return opened_; }

  static engine::CallRequest request(const std::string& type, const std::string& args,
                                     std::int64_t job) {
    return {.id = {{job}, 1}, .step = "s", .type = type, .args = engine::JsonText(args)};
  }

  tests::Watched<int> begun;          // calls that have said so
  tests::Watched<std::string> heard;  // what the plugin prints and says, line by line

 private:
  ProcessSettings settings(const Setting& setting) {
    return {.command = {STEPD_TEST_PROCESS},
            .stop_grace = 300ms,
            .process = setting.limits,
            .environment = setting.environment,
            .host_version = "0.1.0",
            .limits = {},
            .log = [this](std::string_view plugin, std::int32_t, std::string_view text) {
              heard.change([&](std::string& all) {
                all += std::string(plugin) + ": " + std::string(text) + "\n";
              });
            }};
  }

  ProcessContainment containment_;
  plugin::ContainedPlugin opened_;
};

}  // namespace stepd::contained::testing
