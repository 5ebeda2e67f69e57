#include "tools/bench/calls.hpp"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <vector>

#include "host/contained/containment.hpp"
#include "host/contained/packet_line.hpp"
#include "host/runtime/clock.hpp"
#include "tools/bench/trial.hpp"

namespace stepd::bench {
namespace {

constexpr int starts_measured = 50;

/// Offers a call nothing: one that does nothing asks for nothing.
class NoPorts final : public plugin::CallPorts {
 public:
  engine::BlobStatus save(engine::StepBlob::Kind, std::string, std::string) override {
    return engine::BlobStatus::fenced;
  }
  plugin::SendStatus send(engine::SentEvent) override { return plugin::SendStatus::fenced; }
  plugin::CheckedJob check_job(std::string_view) override { return std::string("none"); }
  std::optional<plugin::ChildNow> child(const std::string&) override { return std::nullopt; }
  std::vector<plugin::ChildNow> settled_children(std::uint32_t, std::size_t) override { return {}; }
  plugin::CheckedUndo check_undo(const std::string&) override { return plugin::NothingToUndo{}; }
  std::optional<plugin::ChildNow> child_undo(const std::string&) override { return std::nullopt; }
  std::vector<engine::StepBlob> blobs() override { return {}; }
  void heartbeat() override {}
  void progress(std::uint32_t, std::string) override {}
  void log(std::int32_t, std::string_view, std::string_view) override {}
  engine::Now now() override { return clock_.now(); }

 private:
  const runtime::SystemClock clock_;
};

contained::ProcessSettings settings(const Plan& plan) {
  contained::ProcessSettings settings;
  settings.command = {plan.stepd.string(), "--plugin-process"};
  settings.log = [](std::string_view, std::int32_t, std::string_view) {};
  return settings;
}

plugin::ContainedPlugin started(contained::ProcessContainment& containment, const Plan& plan) {
  auto opened = containment.open(plan.plugins / "demo.so", "demo");
  if (const auto* bad = std::get_if<plugin::BadDescription>(&opened)) {
    throw std::runtime_error("demo.so " + bad->fact);
  }
  auto plugin = std::get<plugin::ContainedPlugin>(std::move(opened));
  if (const auto fault = plugin.module->start("{}")) throw std::runtime_error("demo.so " + *fault);
  return plugin;
}

double at_half(std::vector<double>& values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// What the system takes at least: a packet to another process and one back, nothing done there.
double packet_there_and_back(std::size_t times) {
  auto [ours, theirs] = contained::PacketLine::open();
  std::array<char, 200> packet{};
  const pid_t other = ::fork();
  if (other == 0) {
    ours.close();
    while (::recv(theirs.number(), packet.data(), packet.size(), 0) > 0) {
      static_cast<void>(::send(theirs.number(), packet.data(), packet.size(), MSG_NOSIGNAL));
    }
    ::_exit(0);
  }
  theirs.close();
  std::vector<double> trips;
  for (std::size_t trip = 0; trip < times; ++trip) {
    const auto begin = Clock::now();
    if (::send(ours.number(), packet.data(), packet.size(), MSG_NOSIGNAL) < 0 ||
        ::recv(ours.number(), packet.data(), packet.size(), 0) <= 0) {
      throw std::runtime_error("cannot send packets to another process");
    }
    trips.push_back(seconds_since(begin) * 1e6);
  }
  ours.close();
  ::waitpid(other, nullptr, 0);
  return at_half(trips);
}

}  // namespace

std::vector<Figure> measure_calls(const Plan& plan) {
  const double floor = packet_there_and_back(plan.calls);  // while this process has one thread
  contained::ProcessContainment containment(settings(plan));
  std::vector<double> starts;
  for (int start = 0; start < starts_measured; ++start) {
    const auto begin = Clock::now();
    const auto plugin = started(containment, plan);
    starts.push_back(seconds_since(begin) * 1e3);
  }
  const auto plugin = started(containment, plan);
  NoPorts ports;
  const engine::CallRequest request{.id = {{1}, 1},
                                    .tenant = "default",
                                    .job_name = "bench",
                                    .step = "a",
                                    .type = "demo.noop",
                                    .args = engine::JsonText("{}"),
                                    .quick = true};
  std::vector<double> calls;
  for (std::size_t at = 0; at < plan.calls; ++at) {
    const auto begin = Clock::now();
    const auto outcome = plugin.module->run(request, ports, {});
    calls.push_back(seconds_since(begin) * 1e6);
    if (outcome.kind != engine::OutcomeKind::succeeded) {
      throw std::runtime_error("a call of demo.noop failed: " + outcome.error.message);
    }
  }
  const double call = at_half(calls);
  return {{.name = "contained call, p50",
           .value = call,
           .unit = "us",
           .floor = floor,
           .ratio = call / floor},
          {.name = "start of a plugin's process, p50", .value = at_half(starts), .unit = "ms"}};
}

}  // namespace stepd::bench
