#include "tools/bench/shapes.hpp"

#include <chrono>
#include <stdexcept>
#include <thread>

#include "tools/bench/floor.hpp"
#include "tools/bench/measured_daemon.hpp"
#include "tools/bench/trial.hpp"

namespace stepd::bench {
namespace {

using engine::JobDefinition;
using engine::JsonText;
using engine::StepDefinition;

StepDefinition step_of(std::string id, std::string type, const std::string& args) {
  return {.id = std::move(id),
          .type = std::move(type),
          .args = JsonText(args),
          .snapshot = engine::StepTypeSnapshot{}};
}

std::filesystem::path floor_of(const Plan& plan, const std::string& shape) {
  return plan.folder / ("floor-" + shape);
}

Figure beside(Figure figure, const Floor& floor) {
  figure.floor = floor.jobs_per_second;
  figure.ratio = figure.value / figure.floor;
  return figure;
}

/// Ten steps that do nothing, side by side in one job.
Figure side_by_side(const Plan& plan) {
  constexpr int steps = 10;
  const std::size_t jobs = plan.jobs / 4;
  JobDefinition job{.name = "side by side"};
  for (int step = 0; step < steps; ++step) {
    job.steps.push_back(step_of("s" + std::to_string(step), "demo.noop", "{}"));
  }
  const std::filesystem::path state = fresh_state(plan.folder, "side-by-side");
  preload(state, job, jobs);
  Figure figure{.name = "ten steps side by side", .unit = "jobs/s"};
  {
    const MeasuredDaemon daemon({plan.stepd, state, plan.plugins, plan.in_process});
    SocketClient client(daemon.socket());
    const std::size_t done_before = count_of(client, "succeeded");
    const auto begin = Clock::now();
    wait_until_succeeded(client, jobs);
    figure.value = static_cast<double>(jobs - done_before) / seconds_since(begin);
    figure.cpu_microseconds_per_job = daemon.cpu_seconds() / static_cast<double>(jobs) * 1e6;
  }
  return beside(figure,
                measure_floor(floor_of(plan, "side-by-side"), {.jobs = jobs, .rows = steps}));
}

/// Every job waits on disk; then all come due at once, while the daemon is away.
std::vector<Figure> timers(const Plan& plan) {
  constexpr std::size_t set_per_second_least = 4000;
  const std::chrono::seconds wait(6 + plan.timers / set_per_second_least);
  JobDefinition job{.name = "timer"};
  job.steps.push_back(step_of("wait", "demo.suspend",
                              "{\"milliseconds\":" + std::to_string(wait.count() * 1000) + "}"));
  const std::filesystem::path state = fresh_state(plan.folder, "timers");
  preload(state, job, plan.timers);
  const Floor floor = measure_floor(floor_of(plan, "timers"), {.jobs = plan.timers, .rows = 2});
  Figure set{.name = "timers set", .unit = "jobs/s"};
  Figure resident{.name = "resident with the timers", .unit = "MB"};
  {
    const MeasuredDaemon daemon({plan.stepd, state, plan.plugins, plan.in_process});
    SocketClient client(daemon.socket());
    const std::size_t set_before = count_of(client, "waiting");
    const auto begin = Clock::now();
    wait_until(client, "waiting", plan.timers);
    set.value = static_cast<double>(plan.timers - set_before) / seconds_since(begin);
    set.cpu_microseconds_per_job = daemon.cpu_seconds() / static_cast<double>(plan.timers) * 1e6;
    resident.value = daemon.resident_bytes() / 1e6;
  }
  std::this_thread::sleep_for(wait);  // until the last of them is due
  Figure fired{.name = "timers fired, all at once", .unit = "jobs/s"};
  const MeasuredDaemon daemon({plan.stepd, state, plan.plugins, plan.in_process});
  SocketClient client(daemon.socket());
  const std::size_t fired_before = count_of(client, "succeeded");
  const auto begin = Clock::now();
  wait_until_succeeded(client, plan.timers);
  fired.value = static_cast<double>(plan.timers - fired_before) / seconds_since(begin);
  fired.cpu_microseconds_per_job = daemon.cpu_seconds() / static_cast<double>(plan.timers) * 1e6;
  return {beside(set, floor), resident, beside(fired, floor)};
}

/// One distributed task whose subtasks do nothing; a subtask is a job of one step.
std::vector<Figure> subtasks(const Plan& plan) {
  const std::filesystem::path state = fresh_state(plan.folder, "subtasks");
  const Floor floor = measure_floor(floor_of(plan, "subtasks"), {.jobs = plan.subtasks, .rows = 1});
  Figure figure{.name = "subtasks of one task", .unit = "jobs/s"};
  const MeasuredDaemon daemon({plan.stepd, state, plan.plugins, plan.in_process});
  SocketClient client(daemon.socket());
  const auto begin = Clock::now();
  const auto answer =
      client.ask("POST", "/v1/jobs",
                 R"({"name":"task","steps":[{"id":"split","step":"demo.split","args":{)"
                 R"("subtasks":)" +
                     std::to_string(plan.subtasks) + "}}]}");
  if (answer.status != 201) throw std::runtime_error("the task was refused: " + answer.body);
  wait_until_succeeded(client, plan.subtasks + 1);
  figure.value = static_cast<double>(plan.subtasks) / seconds_since(begin);
  figure.cpu_microseconds_per_job = daemon.cpu_seconds() / static_cast<double>(plan.subtasks) * 1e6;
  return {beside(figure, floor),
          {.name = "resident with its subtasks, at most",
           .value = daemon.resident_bytes_max() / 1e6,
           .unit = "MB"}};
}

}  // namespace

std::vector<Figure> measure_shapes(const Plan& plan, void (*say)(const std::string&)) {
  std::vector<Figure> figures;
  if (plan.wants("side_by_side")) {
    say("shapes: ten steps side by side");
    figures.push_back(side_by_side(plan));
  }
  if (plan.wants("timers")) {
    say("shapes: " + std::to_string(plan.timers) + " timers");
    for (Figure& figure : timers(plan)) figures.push_back(std::move(figure));
  }
  if (plan.wants("subtasks")) {
    say("shapes: a task of " + std::to_string(plan.subtasks) + " subtasks");
    for (Figure& figure : subtasks(plan)) figures.push_back(std::move(figure));
  }
  return figures;
}

}  // namespace stepd::bench
