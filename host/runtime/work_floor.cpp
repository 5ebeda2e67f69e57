#include "host/runtime/work_floor.hpp"

#include <algorithm>
#include <utility>

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
                               std::optional<engine::Duration> stuck_after) {
  auto soonest = engine::Duration::max();
  if (request.timeout > engine::Duration::zero()) soonest = std::min(soonest, request.timeout);
  if (request.heartbeat > engine::Duration::zero()) soonest = std::min(soonest, request.heartbeat);
  if (stuck_after) soonest = std::min(soonest, *stuck_after);
  const bool never = soonest > engine::SteadyPoint::max() - now;
  return never ? engine::SteadyPoint::max() : now + soonest;
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
    : floor_(floor), slot_(std::make_shared<CallSlot>()), seat_(floor.seats) {
  floor_.watch.add(slot_, std::move(on_stuck));
}

WorkPlace::~WorkPlace() { floor_.watch.remove(slot_); }

void WorkPlace::begin(const engine::CallRequest& request,
                      std::optional<engine::Duration> stuck_after) {
  call_ = request.id;
  began_ = floor_.clock.steady();
  stop_ = slot_->begin(request, began_, stuck_after);
  floor_.watch.look_by(first_look(request, began_, stuck_after));
}

engine::CallReported WorkPlace::run(const engine::CallRequest& request) {
  SinkPorts ports(floor_, request, *slot_);
  if (floor_.caller.runs_here(request)) seat_.began(request.id);
  auto outcome = floor_.caller.run(request, ports, stop_);
  seat_.over();
  slot_->end();
  stop_ = std::stop_token();
  return {
      .call = request.id, .outcome = std::move(outcome), .took = floor_.clock.steady() - began_};
}

}  // namespace stepd::runtime
