#include "host/plugin/call_context.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

#include "host/engine/json_cursor.hpp"
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
                         const engine::Limits& bounds)
    : stepd_context{&host_calls()},
      step(module),
      request(called),
      ports(behind),
      limits(bounds),
      stop(std::move(stop_token)),
      records(called, behind),
      answer(called.phase, bounds) {
  if (request.timeout > engine::Duration::zero()) started_ = ports.now().steady;
  fill_facts();
  tell_events();
}

void CallContext::tell_events() {
  for (const engine::EndedWait& wait : request.ended_waits) {
    std::string& text = events_.emplace_back();
    if (!wait.event) continue;
    const auto at = duration_cast<milliseconds>(wait.event->at.time_since_epoch()).count();
    text = R"({"id":)";
    engine::append_quoted(text, wait.event->id);
    text += R"(,"key":)";
    engine::append_quoted(text, wait.event->key);
    text +=
        R"(,"data":)" + wait.event->data.text() + R"(,"at_unix_ms":)" + std::to_string(at) + "}";
  }
}

stepd_str CallContext::lend_text(std::string text) {
  const std::lock_guard lock(lent_mutex_);
  return lend(lent_.emplace_back(std::move(text)));
}

stepd_status CallContext::wait_result(std::string_view key, std::uint32_t index,
                                      stepd_str* json) const {
  for (std::size_t at = 0; at < events_.size(); ++at) {
    if (request.ended_waits[at].key != key || index-- != 0) continue;
    if (events_[at].empty()) return STEPD_TIMED_OUT;
    *json = lend(events_[at]);
    return STEPD_OK;
  }
  return STEPD_NONE;
}

void CallContext::fill_facts() {
  // All undos of a job are about the same phase of its steps.
  const engine::JobId about = request.executed_in.value_or(request.id.job);
  idempotency_key_ = engine::idempotency_key(about, request.step, request.phase);
  const bool executes = request.phase == engine::Phase::execute;
  if (!executes) {
    execute_key_ = engine::idempotency_key(about, request.step, engine::Phase::execute);
  }
  facts_.struct_size = sizeof facts_;
  facts_.phase = static_cast<std::int32_t>(request.phase);
  facts_.tenant = lend(request.tenant);
  if (about == request.id.job) {
    facts_.job_id = lend(std::string_view(idempotency_key_).substr(0, idempotency_key_.find('/')));
  } else {
    job_id_ = engine::to_text(request.id.job);
    facts_.job_id = lend(job_id_);
  }
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
  facts_.execute_key = executes ? facts_.idempotency_key : lend(execute_key_);
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
