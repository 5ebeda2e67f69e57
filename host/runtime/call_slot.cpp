#include "host/runtime/call_slot.hpp"

#include <algorithm>
#include <utility>

namespace stepd::runtime {

namespace {

using engine::SteadyPoint;

/// A time-out of centuries is none.
SteadyPoint later(SteadyPoint now, engine::Duration span) {
  return span > SteadyPoint::max() - now ? SteadyPoint::max() : now + span;
}

}  // namespace

std::stop_token CallSlot::begin(const engine::CallRequest& request, SteadyPoint now,
                                std::optional<engine::Duration> stuck_after,
                                const CallBudget* budget) {
  const std::scoped_lock lock(mutex_);
  call_ = request.id;
  stop_ = std::stop_source();
  const bool bounded = request.timeout > engine::Duration::zero();
  timeout_at_ = bounded ? later(now, request.timeout) : SteadyPoint::max();
  stuck_at_ = stuck_after ? later(now, *stuck_after) : SteadyPoint::max();
  heartbeat_ = request.heartbeat;
  budget_ = budget == nullptr ? CallBudget{} : *budget;
  began_ = now;
  budget_ends_at_ = budget_.time ? later(now, *budget_.time) : SteadyPoint::max();
  cpu_look_at_ = SteadyPoint::max();
  seen_ = {};
  last_sign_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  return stop_.get_token();
}

SteadyPoint CallSlot::measure(plugin::CpuClock cpu, SteadyPoint now) {
  const std::scoped_lock lock(mutex_);
  if (!call_ || !budget_.cpu) return SteadyPoint::max();
  cpu_ = std::move(cpu);
  cpu_look_at_ = later(now, *budget_.cpu);
  return cpu_look_at_;
}

CallSlot::Seen CallSlot::end() {
  const std::scoped_lock lock(mutex_);
  call_.reset();
  stop_ = std::stop_source(std::nostopstate);
  cpu_ = nullptr;
  return std::exchange(seen_, {});
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
  if (seen_.overran) return look;
  look_at_budget(now);
  auto silent_at = SteadyPoint::max();
  if (heartbeat_ > engine::Duration::zero()) {
    const SteadyPoint last{engine::Duration(last_sign_.load(std::memory_order_relaxed))};
    silent_at = later(last, heartbeat_);
  }
  const bool too_long = now >= timeout_at_ || seen_.over_budget;
  if (too_long || now >= silent_at) {
    seen_.overran = true;
    look.overran = engine::CallOverran{.call = *call_, .silent = !too_long};
    return look;
  }
  look.next = std::min({look.next, timeout_at_, silent_at, budget_ends_at_, cpu_look_at_});
  return look;
}

/// A call has had a processor for no longer than time has passed: until what is left of its budget
/// has passed, too, nobody needs to look again.
void CallSlot::look_at_budget(SteadyPoint now) {
  constexpr engine::Duration between_looks_min = std::chrono::milliseconds(10);
  if (now >= budget_ends_at_) seen_.over_budget = over_time_budget(budget_, now - began_);
  if (now < cpu_look_at_) return;
  const auto used = cpu_();
  if (used) seen_.cpu = used;
  const auto left = *budget_.cpu - used.value_or(engine::Duration::zero());
  if (left < engine::Duration::zero()) seen_.over_budget = over_cpu_budget(budget_, *used);
  cpu_look_at_ = later(now, std::max(left, between_looks_min));
}

}  // namespace stepd::runtime
