#include "host/plugin/call_context.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

#include "host/plugin/borrowed.hpp"

namespace stepd::plugin {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr std::int64_t without_end = std::numeric_limits<std::int64_t>::max();

}  // namespace

bool Visits::enter() {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  ++inside_;
  return true;
}

void Visits::leave() {
  const std::lock_guard lock(mutex_);
  --inside_;
  // Under the lock: the one that waits destroys this as soon as it has it.
  if (closed_ && inside_ == 0) left_.notify_one();
}

void Visits::close(CallStop& stop) {
  std::unique_lock lock(mutex_);
  closed_ = true;
  if (inside_ == 0) return;
  stop.release();
  left_.wait(lock, [this] { return inside_ == 0; });
}

CallContext::CallContext(const StepModule& module, const engine::CallRequest& called,
                         CallPorts& behind, std::stop_token stop_token,
                         const engine::Limits& limits)
    : stepd_context{&host_calls()},
      step(module),
      request(called),
      ports(behind),
      stop(std::move(stop_token)),
      records(called, behind),
      answer(called.phase, limits) {
  if (request.timeout > engine::Duration::zero()) started_ = ports.now().steady;
  fill_facts();
}

void CallContext::fill_facts() {
  job_id_ = engine::to_text(request.id.job);
  idempotency_key_ = engine::idempotency_key(request.id.job, request.step, request.phase);
  execute_key_ = engine::idempotency_key(request.executed_in.value_or(request.id.job), request.step,
                                         engine::Phase::execute);
  facts_.struct_size = sizeof facts_;
  facts_.phase = static_cast<std::int32_t>(request.phase);
  facts_.tenant = lend(request.tenant);
  facts_.job_id = lend(job_id_);
  facts_.job_name = lend(request.job_name);
  facts_.step_id = lend(request.step);
  facts_.step_type = lend(request.type);
  facts_.step_version = request.version;
  facts_.attempt = request.attempt;
  facts_.attempts_max = request.attempts_max;
  facts_.outcome_unknown = request.outcome_unknown ? 1 : 0;
  facts_.call = request.id.number;
  facts_.fencing_token = static_cast<std::uint64_t>(request.epoch.value);
  if (request.deadline) {
    facts_.deadline_unix_ms =
        duration_cast<milliseconds>(request.deadline->time_since_epoch()).count();
  }
  facts_.idempotency_key = lend(idempotency_key_);
  facts_.execute_key = lend(execute_key_);
}

std::int64_t CallContext::milliseconds_left() {
  const bool bounded = request.timeout > engine::Duration::zero();
  if (!bounded && !request.deadline) return without_end;
  const engine::Now now = ports.now();
  engine::Duration left = engine::Duration::max();
  if (bounded) left = started_ + request.timeout - now.steady;
  if (request.deadline) left = std::min(left, *request.deadline - now.wall);
  return duration_cast<milliseconds>(std::max(left, engine::Duration::zero())).count();
}

}  // namespace stepd::plugin
