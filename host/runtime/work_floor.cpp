#include "host/runtime/work_floor.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "host/plugin/cpu_meter.hpp"
#include "host/plugin/thread_clock.hpp"

namespace stepd::runtime {

namespace {

constexpr engine::Duration worker_may_be_had_after = std::chrono::seconds(1);

/// What a call may ask of the host, led on to the sink.
class SinkPorts final : public plugin::CallPorts {
 public:
  SinkPorts(WorkFloor& floor, const engine::CallRequest& request, CallSlot& slot)
      : floor_(floor), request_(request), slot_(slot) {}

  engine::BlobStatus save(engine::StepBlob::Kind kind, std::string key,
                          std::string bytes) override {
    heartbeat();
    return floor_.sink.save(request_.id, kind, std::move(key), std::move(bytes));
  }

  plugin::SendStatus send(engine::SentEvent event) override {
    heartbeat();
    event.tenant = request_.tenant;
    return floor_.sink.send(request_.id, std::move(event));
  }

  plugin::CheckedJob check_job(std::string_view json) override {
    heartbeat();
    return floor_.sink.check_job(request_.tenant, json);
  }
  std::optional<plugin::ChildNow> child(const std::string& key) override {
    heartbeat();
    return floor_.sink.child(starter(), request_.step_index, key);
  }
  std::vector<plugin::ChildNow> settled_children(std::uint32_t after, std::size_t limit) override {
    heartbeat();
    return floor_.sink.settled_children(starter(), request_.step_index, after, limit);
  }

  plugin::CheckedUndo check_undo(const std::string& key) override {
    heartbeat();
    return floor_.sink.check_undo(request_, key);
  }
  std::optional<plugin::ChildNow> child_undo(const std::string& key) override {
    heartbeat();
    return floor_.sink.child_undo(starter(), request_.step_index, key);
  }

  std::vector<engine::StepBlob> blobs() override {
    auto blobs = floor_.sink.blobs(request_.id.job, request_.step_index);
    if (!request_.executed_in) return blobs;
    // What execute left stands in the job that ran it.
    for (auto& blob : floor_.sink.blobs(*request_.executed_in, request_.step_index)) {
      if (blob.phase == engine::Phase::execute) blobs.push_back(std::move(blob));
    }
    return blobs;
  }

  void heartbeat() override { slot_.sign_of_life(floor_.clock.steady()); }

  void begins(const std::function<plugin::CpuClock()>& clock) override {
    if (!slot_.is_measured()) return;
    floor_.watch.look_by(slot_.measure(clock(), floor_.clock.steady()));
  }

  void progress(std::uint32_t permille, std::string note) override {
    heartbeat();
    floor_.sink.progressed(request_.id, request_.step, permille, std::move(note));
  }

  void log(std::int32_t level, std::string_view message, std::string_view fields_json) override {
    if (floor_.log) floor_.log({request_, level, message, fields_json});
  }

  engine::Now now() override { return floor_.clock.now(); }

 private:
  /// The job whose step started the jobs that the call may read.
  [[nodiscard]] engine::JobId starter() const {
    return request_.executed_in.value_or(request_.id.job);
  }

  WorkFloor& floor_;
  const engine::CallRequest& request_;
  CallSlot& slot_;
};

engine::SteadyPoint first_look(const engine::CallRequest& request, engine::SteadyPoint now,
                               std::optional<engine::Duration> stuck_after,
                               const CallBudget* budget) {
  auto soonest = engine::Duration::max();
  if (request.timeout > engine::Duration::zero()) soonest = std::min(soonest, request.timeout);
  if (request.heartbeat > engine::Duration::zero()) soonest = std::min(soonest, request.heartbeat);
  if (stuck_after) soonest = std::min(soonest, *stuck_after);
  if (budget && budget->time) soonest = std::min(soonest, *budget->time);
  const bool never = soonest > engine::SteadyPoint::max() - now;
  return never ? engine::SteadyPoint::max() : now + soonest;
}

/// As the engine takes it: the end of a call that was asked to stop says no more than that.
bool says_only_that_it_stopped(engine::OutcomeKind kind) {
  using engine::OutcomeKind;
  return kind == OutcomeKind::retry || kind == OutcomeKind::effect_unknown ||
         kind == OutcomeKind::cancelled || kind == OutcomeKind::suspended;
}

/// What this thread has had of a processor from now on.
plugin::CpuClock clock_of_this_thread() {
  clockid_t clock{};
  if (::pthread_getcpuclockid(::pthread_self(), &clock) != 0) return [] { return std::nullopt; };
  return [clock, before = plugin::cpu_of_this_thread()]() -> std::optional<engine::Duration> {
    const auto now = plugin::cpu_of(clock);
    return now ? std::optional(*now - before) : std::nullopt;
  };
}

}  // namespace

std::vector<engine::CallReported> without_worker(const std::deque<engine::BoxedCall>& requests,
                                                 const std::string& fact) {
  engine::Outcome outcome;
  outcome.kind = engine::OutcomeKind::not_started;
  outcome.error = {.code = "no_worker",
                   .message = "no thread could be made to run it: " + fact +
                              "; raise the limit on this host's threads (TasksMax, ulimit -u)",
                   .details = {}};
  outcome.retry_after = worker_may_be_had_after;
  std::vector<engine::CallReported> reports;
  for (const auto& request : requests) {
    reports.push_back({.call = request->id, .outcome = outcome, .took = {}});
  }
  return reports;
}

WorkPlace::WorkPlace(WorkFloor& floor, CallWatch::OnStuck on_stuck)
    : floor_(floor),
      slot_(std::make_shared<CallSlot>()),
      seat_(floor.seats),
      counter_(floor.counters) {
  floor_.watch.add(slot_, std::move(on_stuck));
}

WorkPlace::~WorkPlace() { floor_.watch.remove(slot_); }

void WorkPlace::begin(const engine::CallRequest& request,
                      std::optional<engine::Duration> stuck_after) {
  call_ = request.id;
  began_ = floor_.clock.steady();
  const CallBudget* budget = nullptr;
  if (const auto set = floor_.budgets.find(request.type); set != floor_.budgets.end()) {
    budget = &set->second;
  }
  stop_ = slot_->begin(request, began_, stuck_after, budget);
  floor_.watch.look_by(first_look(request, began_, stuck_after, budget));
}

engine::CallReported WorkPlace::run(const engine::CallRequest& request) {
  counter_.begin(request.type);
  SinkPorts ports(floor_, request, *slot_);
  std::optional<plugin::CpuMeter> meter;
  if (floor_.caller.runs_here(request)) {
    seat_.began(request.id);
    ports.begins(clock_of_this_thread);
    meter.emplace(request.quick);
  }
  auto outcome = floor_.caller.run(request, ports, stop_);
  if (meter) outcome.used.cpu = meter->spent();
  seat_.over();
  const auto took = floor_.clock.steady() - began_;
  complete(outcome, request, took);
  return {.call = request.id, .outcome = std::move(outcome), .took = took};
}

/// With what the host has seen of it itself.
void WorkPlace::complete(engine::Outcome& outcome, const engine::CallRequest& request,
                         engine::Duration took) {
  CallSlot::Seen seen = slot_->end();
  stop_ = std::stop_token();
  engine::Usage& used = outcome.used;
  if (outcome.kind == engine::OutcomeKind::not_started) {
    used = {};
    return counter_.end(outcome.kind, used);
  }
  used.waited = std::max(began_ - request.ready_since, engine::Duration::zero());
  used.ran = took;
  if (!used.cpu) used.cpu = seen.cpu;
  // No thread has a processor for longer than there is time.
  if (used.cpu) used.cpu = std::min(*used.cpu, took);
  const bool overran = seen.overran && says_only_that_it_stopped(outcome.kind);
  if (overran && seen.over_budget) outcome.error = *std::move(seen.over_budget);
  counter_.end(overran ? engine::OutcomeKind::timed_out : outcome.kind, used);
}

}  // namespace stepd::runtime
