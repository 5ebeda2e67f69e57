#include "tools/bench/trial.hpp"

#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "host/engine/codec.hpp"
#include "storage/sqlite/sqlite_store.hpp"

namespace stepd::bench {
namespace {

constexpr std::chrono::milliseconds between_looks(20);

}  // namespace

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::filesystem::path fresh_state(const std::filesystem::path& parent, const std::string& name) {
  const std::filesystem::path state = parent / name;
  std::filesystem::create_directories(state);
  std::filesystem::permissions(state, std::filesystem::perms::owner_all);
  return state;
}

engine::JobDefinition chain_of_noops() {
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

void preload(const std::filesystem::path& state, const engine::JobDefinition& job,
             std::size_t jobs) {
  storage::SqliteStore store(state);
  const engine::Epoch epoch = store.acquire();
  const std::string definition = engine::encode(job);
  const std::vector<engine::Entry> accepted{engine::Submitted{}};
  const std::string first_row = engine::encode(accepted);
  const auto now = std::chrono::time_point_cast<engine::Duration>(std::chrono::system_clock::now());
  engine::JobIdSource ids(store.highest_id());
  std::vector<engine::NewJob> batch;
  for (std::size_t number = 0; number < jobs; ++number) {
    batch.push_back({.id = ids.next(now),
                     .tenant = "default",
                     .name = job.name,
                     .head = {.word = engine::JobWord::queued, .due = now},
                     .at = now,
                     .definition = definition,
                     .first_row = first_row});
    if (batch.size() < 2000 && number + 1 < jobs) continue;
    static_cast<void>(store.commit(epoch, batch, {}));
    batch.clear();
  }
}

std::size_t count_of(SocketClient& client, std::string_view state) {
  const std::string body = client.ask("GET", "/v1/status").body;
  const std::string name = "\"" + std::string(state) + "\":";
  const std::size_t at = body.find(name);
  return at == std::string::npos ? 0 : std::stoull(body.substr(at + name.size()));
}

void wait_until(SocketClient& client, std::string_view state, std::size_t jobs) {
  const auto begin = Clock::now();
  while (count_of(client, state) < jobs) {
    if (Clock::now() - begin > patience) {
      throw std::runtime_error("of " + std::to_string(jobs) + " jobs not all are " +
                               std::string(state));
    }
    std::this_thread::sleep_for(between_looks);
  }
}

}  // namespace stepd::bench
