#include "tools/bench/measures.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "storage/sqlite/sqlite_store.hpp"
#include "tools/bench/calls.hpp"
#include "tools/bench/floor.hpp"
#include "tools/bench/measured_daemon.hpp"
#include "tools/bench/shapes.hpp"
#include "tools/bench/socket_client.hpp"
#include "tools/bench/trial.hpp"

namespace stepd::bench {
namespace {

constexpr std::size_t connections = 8;
constexpr std::size_t lines_together = 100;

const std::string job_body =
    R"({"name":"bench","args":{"note":"about a hundred bytes of arguments, as jobs usually have )"
    R"(them, so that the record is real"},"steps":[{"id":"a","step":"demo.noop"},)"
    R"({"id":"b","step":"demo.noop"},{"id":"c","step":"demo.noop"}]})";

double bytes_in(const std::filesystem::path& state) {
  double bytes = 0;
  for (const char* file : {"", "-wal"}) {
    const std::filesystem::path path = storage::sqlite_file(state).string() + file;
    if (std::filesystem::exists(path)) {
      bytes += static_cast<double>(std::filesystem::file_size(path));
    }
  }
  return bytes;
}

Figure beside(const Floor& floor, Figure figure) {
  figure.floor = floor.jobs_per_second;
  figure.ratio = figure.value / figure.floor;
  return figure;
}

Figure drain(const Plan& plan, bool in_process) {
  const std::string name = in_process ? "drain, in process" : "drain";
  const std::filesystem::path state = fresh_state(plan.folder, in_process ? "inside" : "drain");
  preload(state, chain_of_noops(), plan.jobs);
  Figure figure{.name = name, .unit = "jobs/s"};
  {
    const MeasuredDaemon daemon({plan.stepd, state, plan.plugins, in_process});
    SocketClient client(daemon.socket());
    // Starting is not draining; it is measured apart.
    const std::size_t done_before = count_of(client, "succeeded");
    if (done_before == plan.jobs) throw std::runtime_error("all was drained at once: give more");
    const auto begin = Clock::now();
    wait_until_succeeded(client, plan.jobs);
    figure.value = static_cast<double>(plan.jobs - done_before) / seconds_since(begin);
    figure.cpu_microseconds_per_job = daemon.cpu_seconds() / static_cast<double>(plan.jobs) * 1e6;
  }
  figure.bytes_per_job = bytes_in(state) / static_cast<double>(plan.jobs);
  return figure;
}

/// Sends from several connections at once; jobs a second until the last one is acknowledged.
Figure submit(const Plan& plan, std::size_t together) {
  const std::filesystem::path state =
      fresh_state(plan.folder, "submit-" + std::to_string(together));
  const MeasuredDaemon daemon({plan.stepd, state, plan.plugins, plan.in_process});
  const std::size_t jobs = together == 1 ? plan.jobs / 2 : plan.jobs;
  const std::size_t requests = jobs / together;
  std::string body = job_body;
  for (std::size_t line = 1; line < together; ++line) body += "\n" + job_body;
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> refused{0};
  const auto begin = Clock::now();
  {
    std::vector<std::jthread> senders;
    for (std::size_t each = 0; each < connections; ++each) {
      senders.emplace_back([&] {
        SocketClient client(daemon.socket());
        while (next.fetch_add(1) < requests) {
          const auto answer =
              together == 1 ? client.ask("POST", "/v1/jobs", body)
                            : client.ask("POST", "/v1/jobs:batch", body, "application/x-ndjson");
          if (answer.status != (together == 1 ? 201 : 200)) refused.fetch_add(1);
        }
      });
    }
  }
  const double seconds = seconds_since(begin);
  if (refused != 0) throw std::runtime_error("a submit was refused");
  Figure figure{.name = together == 1 ? "submit" : "submit in batches of 100",
                .value = static_cast<double>(requests * together) / seconds,
                .unit = "jobs/s"};
  SocketClient client(daemon.socket());
  wait_until_succeeded(client, requests * together);
  figure.cpu_microseconds_per_job =
      daemon.cpu_seconds() / static_cast<double>(requests * together) * 1e6;
  return figure;
}

double at_percent(std::vector<double>& values, double percent) {
  std::ranges::sort(values);
  const auto last = static_cast<double>(values.size() - 1);
  return values[static_cast<std::size_t>(last * percent / 100)];
}

/// One job at a time: from the submit until the stream says that it has settled.
std::vector<Figure> alone(const Plan& plan, std::chrono::microseconds four_commits) {
  const std::filesystem::path state = fresh_state(plan.folder, "alone");
  const MeasuredDaemon daemon({plan.stepd, state, plan.plugins, plan.in_process});
  SocketClient client(daemon.socket());
  SocketClient stream(daemon.socket());
  stream.open_stream("/v1/jobs:watch");
  std::vector<double> times;
  for (std::size_t job = 0; job < plan.alone; ++job) {
    const auto begin = Clock::now();
    if (client.ask("POST", "/v1/jobs", job_body).status != 201) {
      throw std::runtime_error("a submit was refused");
    }
    while (stream.read_line().find("\"settled\"") == std::string::npos) {
    }
    times.push_back(seconds_since(begin) * 1e6);
  }
  const auto floor = static_cast<double>(four_commits.count());
  const double half = at_percent(times, 50);
  return {
      {.name = "alone, p50", .value = half, .unit = "us", .floor = floor, .ratio = half / floor},
      {.name = "alone, p99", .value = at_percent(times, 99), .unit = "us", .floor = floor}};
}

std::vector<Figure> at_rest(const Plan& plan) {
  const std::filesystem::path state = fresh_state(plan.folder, "rest");
  const MeasuredDaemon daemon({plan.stepd, state, plan.plugins, plan.in_process});
  std::this_thread::sleep_for(std::chrono::seconds(1));  // until it has started up
  const double resident = daemon.resident_bytes();
  const std::size_t before = daemon.context_switches();
  std::this_thread::sleep_for(std::chrono::seconds(3));
  const std::size_t after = daemon.context_switches();  // without those of threads that ended
  const auto wakes = static_cast<double>(std::max(after, before) - before) / 3;
  return {{.name = "idle, resident", .value = resident / 1e6, .unit = "MB"},
          {.name = "idle, of it not of files", .value = daemon.own_bytes() / 1e6, .unit = "MB"},
          {.name = "idle, wake-ups of all threads", .value = wakes, .unit = "/s"}};
}

/// Queued jobs must cost neither memory nor time: the first of them run as fast as if they were
/// few.
std::vector<Figure> behind_a_backlog(const Plan& plan, const Floor& floor) {
  const std::filesystem::path state = fresh_state(plan.folder, "backlog");
  preload(state, chain_of_noops(), plan.backlog);
  const MeasuredDaemon daemon({plan.stepd, state, plan.plugins, plan.in_process});
  SocketClient client(daemon.socket());
  const std::size_t done_before = count_of(client, "succeeded");
  const std::size_t enough = std::min(done_before + plan.jobs / 2, plan.backlog);
  if (done_before >= enough) throw std::runtime_error("the backlog is done at once: give more");
  const auto begin = Clock::now();
  wait_until_succeeded(client, enough);
  const auto done = static_cast<double>(count_of(client, "succeeded") - done_before);
  const double rate = done / seconds_since(begin);
  return {{.name = "first jobs of a large backlog",
           .value = rate,
           .unit = "jobs/s",
           .floor = floor.jobs_per_second,
           .ratio = rate / floor.jobs_per_second},
          {.name = "resident with it, at most",
           .value = daemon.resident_bytes_max() / 1e6,
           .unit = "MB"}};
}

/// Killed amid its work, it is started again: how long until a further job has succeeded.
Figure start_after_kill(const Plan& plan) {
  const std::filesystem::path state = fresh_state(plan.folder, "killed");
  preload(state, chain_of_noops(), plan.unsettled);
  std::size_t done = 0;
  {
    MeasuredDaemon daemon({plan.stepd, state, plan.plugins, plan.in_process});
    SocketClient client(daemon.socket());
    wait_until_succeeded(client, 1);
    done = count_of(client, "succeeded");
    daemon.kill();
  }
  if (done == plan.unsettled) throw std::runtime_error("all was done before the kill: give more");
  const auto begin = Clock::now();
  const MeasuredDaemon daemon({plan.stepd, state, plan.plugins, plan.in_process});
  SocketClient client(daemon.socket());
  while (count_of(client, "succeeded") <= done) {
    if (Clock::now() - begin > patience) throw std::runtime_error("no job is done after a kill");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return {.name = "start after a kill, first job done",
          .value = seconds_since(begin) * 1e3,
          .unit = "ms"};
}

}  // namespace

std::vector<Figure> measure(const Plan& plan, void (*say)(const std::string&)) {
  std::vector<Figure> figures;
  const auto add = [&figures](std::vector<Figure> more) {
    std::ranges::move(more, std::back_inserter(figures));
  };
  say("floor: a bare SQLite doing the same job");
  const std::filesystem::path floors = plan.folder / "floor";
  Floor floor = measure_floor(floors, {.jobs = plan.jobs});
  if (plan.wants("drain")) {
    say("drain: " + std::to_string(plan.jobs) + " accepted jobs of three steps");
    std::vector<Figure> drained;
    if (!plan.in_process) drained.push_back(drain(plan, false));
    drained.push_back(drain(plan, true));
    const Floor after = measure_floor(floors / "after", {.jobs = plan.jobs});
    floor.jobs_per_second = (floor.jobs_per_second + after.jobs_per_second) / 2;
    for (const Figure& figure : drained) add({beside(floor, figure)});
  }
  figures.insert(figures.begin(), {.name = "floor",
                                   .value = floor.jobs_per_second,
                                   .unit = "jobs/s",
                                   .cpu_microseconds_per_job = floor.cpu_microseconds_per_job,
                                   .bytes_per_job = floor.bytes_per_job});
  if (plan.wants("calls")) {
    say("calls: a plugin in a process of its own");
    add(measure_calls(plan));
  }
  if (plan.wants("submit")) {
    say("submit: one job a request, then a hundred");
    add({beside(floor, submit(plan, 1)), beside(floor, submit(plan, lines_together))});
  }
  if (plan.wants("alone")) {
    say("alone: one job at a time");
    add(alone(plan, measure_four_commits(floors, plan.alone)));
  }
  if (plan.wants("idle")) {
    say("at rest");
    add(at_rest(plan));
  }
  if (plan.wants("backlog")) {
    say("backlog: " + std::to_string(plan.backlog) + " queued jobs");
    add(behind_a_backlog(plan, floor));
  }
  if (plan.wants("restart")) {
    say("start after a kill amid " + std::to_string(plan.unsettled) + " unsettled jobs");
    add({start_after_kill(plan)});
  }
  add(measure_shapes(plan, say));
  return figures;
}

}  // namespace stepd::bench
