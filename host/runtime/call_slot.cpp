#include "host/runtime/call_slot.hpp"

#include <algorithm>

namespace stepd::runtime {

namespace {

using engine::SteadyPoint;

/// A time-out of centuries is none.
SteadyPoint later(SteadyPoint now, engine::Duration span) {
  return span > SteadyPoint::max() - now ? SteadyPoint::max() : now + span;
}

}  // namespace

std::stop_token CallSlot::begin(const engine::CallRequest& request, SteadyPoint now,
                                std::optional<engine::Duration> stuck_after) {
  const std::scoped_lock lock(mutex_);
  call_ = request.id;
  stop_ = std::stop_source();
  const bool bounded = request.timeout > engine::Duration::zero();
  timeout_at_ = bounded ? later(now, request.timeout) : SteadyPoint::max();
  stuck_at_ = stuck_after ? later(now, *stuck_after) : SteadyPoint::max();
  heartbeat_ = request.heartbeat;
  overran_ = false;
  last_sign_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  return stop_.get_token();
}

void CallSlot::end() {
  const std::scoped_lock lock(mutex_);
  call_.reset();
  stop_ = std::stop_source(std::nostopstate);
}

void CallSlot::sign_of_life(SteadyPoint now) {
  last_sign_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
}

bool CallSlot::stop(const engine::CallId& call) {
  std::stop_source stop(std::nostopstate);
  {
    const std::scoped_lock lock(mutex_);
    if (call_ != call) return false;
    stop = stop_;
  }
  // Outside the lock: it runs what the call has hung on its token.
  stop.request_stop();
  return true;
}

CallSlot::Look CallSlot::look(SteadyPoint now) {
  const std::scoped_lock lock(mutex_);
  Look look;
  if (!call_) return look;
  if (now >= stuck_at_) {
    look.stuck = call_;
    stuck_at_ = SteadyPoint::max();
  }
  look.next = stuck_at_;
  if (overran_) return look;
  auto silent_at = SteadyPoint::max();
  if (heartbeat_ > engine::Duration::zero()) {
    const SteadyPoint last{engine::Duration(last_sign_.load(std::memory_order_relaxed))};
    silent_at = later(last, heartbeat_);
  }
  if (now >= timeout_at_ || now >= silent_at) {
    overran_ = true;
    look.overran = engine::CallOverran{.call = *call_, .silent = now < timeout_at_};
    return look;
  }
  look.next = std::min({look.next, timeout_at_, silent_at});
  return look;
}

}  // namespace stepd::runtime
