#include "tools/bench/measures.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <thread>

#include "host/engine/codec.hpp"
#include "storage/sqlite/sqlite_store.hpp"
#include "tools/bench/floor.hpp"
#include "tools/bench/measured_daemon.hpp"
#include "tools/bench/socket_client.hpp"

namespace stepd::bench {
namespace {

using Clock = std::chrono::steady_clock;
using engine::JobId;

constexpr std::size_t connections = 8;
constexpr std::size_t lines_together = 100;
constexpr std::chrono::milliseconds between_looks(20);
constexpr std::chrono::minutes patience(10);

const std::string job_body =
    R"({"name":"bench","args":{"note":"about a hundred bytes of arguments, as jobs usually have )"
    R"(them, so that the record is real"},"steps":[{"id":"a","step":"demo.noop"},)"
    R"({"id":"b","step":"demo.noop"},{"id":"c","step":"demo.noop"}]})";

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// What the daemon would have recorded for the body above.
engine::JobDefinition bench_job() {
  engine::JobDefinition job{
      .name = "bench",
      .args = engine::JsonText(R"({"note":"about a hundred bytes of arguments, as jobs usually )"
                               R"(have them, so that the record is real"})")};
  for (engine::StepIndex index = 0; index < 3; ++index) {
    engine::StepDefinition step{.id = std::string(1, static_cast<char>('a' + index)),
                                .type = "demo.noop",
                                .args = engine::JsonText("{}"),
                                .snapshot = engine::StepTypeSnapshot{}};
    if (index > 0) step.after = {index - 1};
    job.steps.push_back(std::move(step));
  }
  return job;
}

/// Jobs accepted and not begun, put straight into the store.
void preload(const std::filesystem::path& state, std::size_t jobs) {
  storage::SqliteStore store(state);
  const engine::Epoch epoch = store.acquire();
  const std::string definition = engine::encode(bench_job());
  const std::vector<engine::Entry> accepted{engine::Submitted{}};
  const std::string first_row = engine::encode(accepted);
  const auto now = std::chrono::time_point_cast<engine::Duration>(std::chrono::system_clock::now());
  engine::JobIdSource ids(store.highest_id());
  std::vector<engine::NewJob> batch;
  for (std::size_t job = 0; job < jobs; ++job) {
    batch.push_back({.id = ids.next(now),
                     .tenant = "default",
                     .name = "bench",
                     .head = {.word = engine::JobWord::queued, .due = now},
                     .at = now,
                     .definition = definition,
                     .first_row = first_row});
    if (batch.size() < 2000 && job + 1 < jobs) continue;
    static_cast<void>(store.commit(epoch, batch, {}));
    batch.clear();
  }
}

/// How many jobs have succeeded, as the daemon's status says.
std::size_t succeeded(SocketClient& client) {
  const std::string body = client.ask("GET", "/v1/status").body;
  const std::string name = "\"succeeded\":";
  const std::size_t at = body.find(name);
  return at == std::string::npos ? 0 : std::stoull(body.substr(at + name.size()));
}

void wait_for(SocketClient& client, std::size_t jobs) {
  const auto begin = Clock::now();
  while (succeeded(client) < jobs) {
    if (Clock::now() - begin > patience) throw std::runtime_error("the jobs do not settle");
    std::this_thread::sleep_for(between_looks);
  }
}

std::filesystem::path fresh_state(const Plan& plan, const std::string& name) {
  const std::filesystem::path state = plan.folder / name;
  std::filesystem::create_directories(state);
  std::filesystem::permissions(state, std::filesystem::perms::owner_all);
  return state;
}

double bytes_in(const std::filesystem::path& state) {
  double bytes = 0;
  for (const char* file : {"", "-wal"}) {
    const std::filesystem::path path = storage::sqlite_file(state).string() + file;
    if (std::filesystem::exists(path))
      bytes += static_cast<double>(std::filesystem::file_size(path));
  }
  return bytes;
}

Figure drain(const Plan& plan, const Floor& floor) {
  const std::filesystem::path state = fresh_state(plan, "drain");
  preload(state, plan.jobs);
  Figure figure{.name = "drain", .unit = "jobs/s", .floor = floor.jobs_per_second};
  {
    const MeasuredDaemon daemon({plan.stepd, state, plan.plugins});
    SocketClient client(daemon.socket());
    // Starting is not draining; it is measured apart.
    const std::size_t done_before = succeeded(client);
    if (done_before == plan.jobs) throw std::runtime_error("all was drained at once: give more");
    const auto begin = Clock::now();
    wait_for(client, plan.jobs);
    figure.value = static_cast<double>(plan.jobs - done_before) / seconds_since(begin);
    figure.cpu_microseconds_per_job = daemon.cpu_seconds() / static_cast<double>(plan.jobs) * 1e6;
  }
  figure.ratio = figure.value / floor.jobs_per_second;
  figure.bytes_per_job = bytes_in(state) / static_cast<double>(plan.jobs);
  return figure;
}

/// Sends from several connections at once; jobs a second until the last one is acknowledged.
Figure submit(const Plan& plan, std::size_t together) {
  const std::filesystem::path state = fresh_state(plan, "submit-" + std::to_string(together));
  const MeasuredDaemon daemon({plan.stepd, state, plan.plugins});
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
  wait_for(client, requests * together);
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
  const std::filesystem::path state = fresh_state(plan, "alone");
  const MeasuredDaemon daemon({plan.stepd, state, plan.plugins});
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
  const std::filesystem::path state = fresh_state(plan, "rest");
  const MeasuredDaemon daemon({plan.stepd, state, plan.plugins});
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
  const std::filesystem::path state = fresh_state(plan, "backlog");
  preload(state, plan.backlog);
  const MeasuredDaemon daemon({plan.stepd, state, plan.plugins});
  SocketClient client(daemon.socket());
  const std::size_t done_before = succeeded(client);
  const std::size_t enough = std::min(done_before + plan.jobs / 2, plan.backlog);
  if (done_before >= enough) throw std::runtime_error("the backlog is done at once: give more");
  const auto begin = Clock::now();
  wait_for(client, enough);
  const auto done = static_cast<double>(succeeded(client) - done_before);
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
  const std::filesystem::path state = fresh_state(plan, "killed");
  preload(state, plan.unsettled);
  std::size_t done = 0;
  {
    MeasuredDaemon daemon({plan.stepd, state, plan.plugins});
    SocketClient client(daemon.socket());
    wait_for(client, 1);
    done = succeeded(client);
    daemon.kill();
  }
  if (done == plan.unsettled) throw std::runtime_error("all was done before the kill: give more");
  const auto begin = Clock::now();
  const MeasuredDaemon daemon({plan.stepd, state, plan.plugins});
  SocketClient client(daemon.socket());
  while (succeeded(client) <= done) {
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
  say("floor: a bare SQLite doing the same job");
  const std::filesystem::path floors = plan.folder / "floor";
  std::filesystem::create_directories(floors / "after");
  const Floor before = measure_floor(floors, plan.jobs);
  say("drain: " + std::to_string(plan.jobs) + " accepted jobs of three steps");
  Figure drained = drain(plan, before);
  const Floor after = measure_floor(floors / "after", plan.jobs);
  drained.floor = (before.jobs_per_second + after.jobs_per_second) / 2;
  drained.ratio = drained.value / drained.floor;
  figures.push_back({.name = "floor",
                     .value = drained.floor,
                     .unit = "jobs/s",
                     .cpu_microseconds_per_job = before.cpu_microseconds_per_job,
                     .bytes_per_job = before.bytes_per_job});
  figures.push_back(drained);
  say("submit: one job a request, then a hundred");
  for (const std::size_t together : {std::size_t{1}, lines_together}) {
    Figure figure = submit(plan, together);
    figure.floor = drained.floor;
    figure.ratio = figure.value / figure.floor;
    figures.push_back(figure);
  }
  say("alone: one job at a time");
  const auto four_commits = measure_four_commits(floors, plan.alone);
  for (Figure& figure : alone(plan, four_commits)) figures.push_back(std::move(figure));
  say("at rest");
  for (Figure& figure : at_rest(plan)) figures.push_back(std::move(figure));
  say("backlog: " + std::to_string(plan.backlog) + " queued jobs");
  for (Figure& figure : behind_a_backlog(plan, after)) figures.push_back(std::move(figure));
  say("start after a kill amid " + std::to_string(plan.unsettled) + " unsettled jobs");
  figures.push_back(start_after_kill(plan));
  return figures;
}

}  // namespace stepd::bench
