#include "host/runtime/in_process_runner.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace stepd::runtime {

InProcessRunner::InProcessRunner(Surroundings surroundings, const RunnerSettings& settings)
    : watch_(surroundings.sink, surroundings.clock),
      floor_{.caller = surroundings.caller,
             .sink = surroundings.sink,
             .clock = surroundings.clock,
             .watch = watch_,
             .seats = surroundings.seats,
             .counters = surroundings.counters,
             .budgets = settings.budgets,
             .log = std::move(surroundings.log)},
      slow_(floor_, settings.workers),
      quick_(floor_, settings.quick) {}

InProcessRunner::~InProcessRunner() {
  shut_down();
  watch_.stop();
}

void InProcessRunner::start(std::vector<engine::BoxedCall> requests) {
  if (closed_.load()) {
    std::vector<engine::CallId> calls;
    for (const auto& request : requests) calls.push_back(request->id);
    report_unstarted(std::move(calls));
    return;
  }
  const auto slow =
      std::stable_partition(requests.begin(), requests.end(),
                            [](const engine::BoxedCall& request) { return request->quick; });
  std::vector<engine::BoxedCall> slow_ones(std::make_move_iterator(slow),
                                           std::make_move_iterator(requests.end()));
  requests.erase(slow, requests.end());
  quick_.put(std::move(requests));
  slow_.put(std::move(slow_ones));
}

void InProcessRunner::stop(const engine::CallId& call, engine::StopCause) {
  if (slow_.withdraw(call) || quick_.withdraw(call)) {
    report_unstarted({call});
    return;
  }
  watch_.stop_call(call);
}

void InProcessRunner::shut_down() {
  closed_.store(true);
  slow_.shut_down();
  quick_.shut_down();
}

void InProcessRunner::report_unstarted(std::vector<engine::CallId> calls) {
  std::vector<engine::CallReported> reports;
  for (const auto& call : calls) {
    engine::Outcome outcome;
    outcome.kind = engine::OutcomeKind::not_started;
    outcome.error = {.code = "not_started",
                     .message = "asked to stop before any of its code ran",
                     .details = {}};
    reports.push_back({.call = call, .outcome = std::move(outcome), .took = {}});
  }
  floor_.sink.ended(std::move(reports));
}

}  // namespace stepd::runtime
