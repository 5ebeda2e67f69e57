#include "host/workshop/step_bench.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cstdio>
#include <functional>
#include <vector>

#include "host/plugin/module_library.hpp"
#include "host/plugin/plugin_init.hpp"
#include "host/workshop/host_tricks.hpp"
#include "host/workshop/module_steps.hpp"
#include "host/workshop/trial.hpp"
#include "host/workshop/workshop_main.hpp"

namespace stepd::workshop {

namespace json = boost::json;
using engine::OutcomeKind;
using engine::Phase;
using std::chrono::microseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

namespace {

/// So that what is made at the first call does not count, and to see how long a call takes.
constexpr int calls_before = 20;
/// A daemon treats such types as quick ones, and so does this.
constexpr microseconds quick_below{100};

/// One call of a new job; what is wrong when it does not succeed.
using OneCall = std::function<std::optional<std::string>(bool quick)>;

struct Measured {
  std::vector<nanoseconds> calls;  // in ascending order
  nanoseconds all{};
  std::string trouble;  // empty: every call succeeded

  [[nodiscard]] double per_second() const {
    const double seconds = std::chrono::duration<double>(all).count();
    return seconds > 0 ? static_cast<double>(calls.size()) / seconds : 0;
  }
  /// What so many of a thousand calls stay below.
  [[nodiscard]] nanoseconds quantile(std::size_t permille) const {
    return calls[(calls.size() - 1) * permille / 1000];
  }
};

Measured measure(const BenchStep& work, const OneCall& call) {
  Measured measured;
  const auto first = steady_clock::now();
  for (int before = 0; before < calls_before; ++before) {
    if (auto trouble = call(false)) return {.trouble = *std::move(trouble)};
  }
  const bool quick = steady_clock::now() - first < calls_before * quick_below;
  const auto began = steady_clock::now();
  const auto is_enough = [&] {
    if (work.calls) return measured.calls.size() >= *work.calls;
    return steady_clock::now() - began >= work.lasts && !measured.calls.empty();
  };
  while (!is_enough()) {
    const auto start = steady_clock::now();
    if (auto trouble = call(quick)) return {.trouble = *std::move(trouble)};
    measured.calls.push_back(steady_clock::now() - start);
  }
  measured.all = steady_clock::now() - began;
  std::ranges::sort(measured.calls);
  return measured;
}

std::optional<std::string> trouble_of(const engine::Outcome& outcome) {
  if (outcome.kind == OutcomeKind::succeeded) return std::nullopt;
  return "with these arguments it " + words_of(outcome);
}

Measured measure_contained(const BenchStep& work, TrialProcess& process,
                           const engine::StepType& type, const engine::JsonText& args) {
  return measure(work, [&](bool quick) -> std::optional<std::string> {
    TrialJob job(type, args);
    const CallEnd end = process.call(job, {.phase = Phase::execute, .quick = quick}, {});
    if (end.outcome()) return trouble_of(*end.outcome());
    return contained::in_words(*end.death(), "its process");
  });
}

/// As a daemon that has it run in its own process. Throws std::runtime_error when it does not
/// start.
Measured measure_here(const BenchStep& work, const ModuleCopy& module,
                      const std::string& configuration, const engine::JsonText& args) {
  auto opened = plugin::open_module(module.file());
  if (const auto* bad = std::get_if<plugin::BadDescription>(&opened)) {
    throw std::runtime_error(work.file + " " + bad->fact);
  }
  auto& library = std::get<plugin::ModuleLibrary>(opened);
  // The plugin may keep it for as long as the process is there.
  static plugin::HostFacts facts("workshop", [](std::int32_t, std::string_view) {});
  if (const auto fact = plugin::initialise(*library.plugin, facts, configuration)) {
    throw std::runtime_error(work.file + " " + *fact);
  }
  auto& steps = library.description.steps;
  const auto step = std::ranges::find_if(
      steps, [&](const plugin::StepModule& one) { return one.type.name == work.type; });
  step->configuration = plugin::by_key(json::parse(configuration).as_object());
  const Listener nobody;
  Measured measured = measure(work, [&](bool) {
    TrialJob job(step->type, args);
    TrialPorts ports(job.records(), Phase::execute, nobody);
    return trouble_of(plugin::run_call(*step, job.next_call(Phase::execute), ports, {}));
  });
  // Its threads end before this process does.
  if (const auto trouble = plugin::quiesce(*library.plugin, std::chrono::seconds(5))) {
    measured.trouble = work.file + " " + *trouble;
  }
  return measured;
}

json::object told(const Measured& measured) {
  return {{"calls", measured.calls.size()},
          {"per_second", static_cast<std::int64_t>(measured.per_second())},
          {"p50_ns", measured.quantile(500).count()},
          {"p99_ns", measured.quantile(990).count()}};
}

std::string row(const char* where, const Measured& measured) {
  const auto in_us = [](nanoseconds span) { return static_cast<double>(span.count()) / 1e3; };
  std::array<char, 120> line{};
  std::snprintf(line.data(), line.size(), "%-12s %9zu %12.0f %10.1f %10.1f\n", where,
                measured.calls.size(), measured.per_second(), in_us(measured.quantile(500)),
                in_us(measured.quantile(990)));
  return line.data();
}

}  // namespace

int bench_step(const BenchStep& work, bool as_json, Report& report) {
  const std::string args = object_text(work.args, "--args");
  const std::string configuration = object_text(work.configuration, "--config");
  const auto copied = ModuleCopy::of(work.file);
  if (const auto* refusal = std::get_if<plugin::Refusal>(&copied)) {
    report.say("error: " + refusal->sentence);
    return 1;
  }
  const auto& module = std::get<ModuleCopy>(copied);
  auto started = TrialProcess::start(
      module, {.command = {"/proc/self/exe", std::string(process_flag), to_text(HostTricks{})},
               .configuration = configuration});
  if (const auto* fault = std::get_if<TrialProcess::Fault>(&started)) {
    report.say("error: " + work.file + " " + fault->fact);
    return 1;
  }
  auto& process = *std::get<std::unique_ptr<TrialProcess>>(started);
  const auto* type = type_named(process.description(), work.type, work.file, report);
  if (type == nullptr) return 1;
  const auto whole_args = completed(*type, args, report);
  if (!whole_args) return 1;
  const Measured contained = measure_contained(work, process, *type, *whole_args);
  // What does not bear its own process is not brought into this one.
  const Measured here = contained.trouble.empty()
                            ? measure_here(work, module, configuration, *whole_args)
                            : Measured{};
  for (const Measured* measured : {&contained, &here}) {
    if (measured->trouble.empty()) continue;
    report.say("error: " + work.type + ": " + measured->trouble);
    return 1;
  }
  if (as_json) {
    const json::object document{{"file", work.file},
                                {"type", work.type},
                                {"contained", told(contained)},
                                {"in_process", told(here)}};
    report.print(laid_out(json::serialize(document)) + "\n");
    return 0;
  }
  report.print("                 calls   per second     p50 us     p99 us\n");
  report.print(row("contained", contained) + row("in process", here));
  return 0;
}

}  // namespace stepd::workshop
