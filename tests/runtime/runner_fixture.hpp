#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/runtime/in_process_runner.hpp"
#include "tests/support/scripted_caller.hpp"
#include "tests/support/watched.hpp"

/// A runner's surroundings: code that a test scripts, and a sink that keeps what it hears.
namespace stepd::runtime {

using std::chrono::milliseconds;
using tests::ScriptedCaller;

class CollectingSink final : public AttemptSink {
 public:
  struct Heard {
    std::vector<engine::CallReported> reports;
    std::vector<engine::CallOverran> overran;
    std::vector<std::string> notes;
    std::size_t deliveries = 0;
  };

  void ended(std::vector<engine::CallReported> reports) override {
    heard.change([&](Heard& all) {
      ++all.deliveries;
      for (auto& report : reports) all.reports.push_back(std::move(report));
    });
  }
  void overran(engine::CallOverran overran) override {
    heard.change([&](Heard& all) { all.overran.push_back(overran); });
  }
  engine::BlobStatus save(const engine::CallId&, engine::StepBlob::Kind, std::string,
                          std::string) override {
    return engine::BlobStatus::stored;
  }
  plugin::SendStatus send(const engine::CallId&, engine::SentEvent event) override {
    heard.change(
        [&](Heard& all) { all.notes.push_back("event " + event.tenant + " " + event.key); });
    return plugin::SendStatus::stored;
  }
  plugin::CheckedJob check_job(const std::string&, std::string_view) override {
    return std::string("no jobs here");
  }
  std::optional<plugin::ChildNow> child(engine::JobId, engine::StepIndex,
                                        const std::string&) override {
    return std::nullopt;
  }
  std::vector<plugin::ChildNow> settled_children(engine::JobId, engine::StepIndex, std::uint32_t,
                                                 std::size_t) override {
    return {};
  }
  plugin::CheckedUndo check_undo(const engine::CallRequest&, const std::string&) override {
    return std::string("no jobs here");
  }
  std::optional<plugin::ChildNow> child_undo(engine::JobId, engine::StepIndex,
                                             const std::string&) override {
    return std::nullopt;
  }
  std::vector<engine::StepBlob> blobs(engine::JobId job, engine::StepIndex step) override {
    if (job.value == 7) return {{.step = step, .key = "k", .bytes = "v"}};
    return {{.step = step, .key = "k", .bytes = "execute of " + std::to_string(job.value)},
            {.step = step, .phase = engine::Phase::compensate, .key = "k", .bytes = "undone"}};
  }
  void progressed(const engine::CallId&, std::string step, std::uint32_t permille,
                  std::string note) override {
    heard.change([&](Heard& all) {
      all.notes.push_back(step + " " + std::to_string(permille) + " " + note);
    });
  }

  [[nodiscard]] bool wait_reports(std::size_t count) {
    return heard.wait_until([count](const Heard& all) { return all.reports.size() >= count; });
  }

  tests::Watched<Heard> heard;
};

inline engine::CallRequest call(std::uint64_t number, std::string type, bool quick = false) {
  engine::CallRequest request;
  request.id = {.job = {7}, .number = number};
  request.step = "s";
  request.type = std::move(type);
  request.quick = quick;
  return request;
}

inline engine::BoxedCall boxed(engine::CallRequest request) {
  return std::make_unique<engine::CallRequest>(std::move(request));
}
inline std::vector<engine::BoxedCall> boxed(std::initializer_list<engine::CallRequest> requests) {
  std::vector<engine::BoxedCall> all;
  for (const auto& request : requests) all.push_back(boxed(request));
  return all;
}

template <typename TheClock = SystemClock>
struct Fixture {
  ScriptedCaller caller{};
  CollectingSink sink{};
  TheClock clock{};
  CrashSeats seats{};
  StepCounters counters{};

  [[nodiscard]] InProcessRunner::Surroundings surroundings() {
    return {.caller = caller,
            .sink = sink,
            .clock = clock,
            .seats = seats,
            .counters = counters,
            .log = {}};
  }
};

}  // namespace stepd::runtime
