#include "host/runtime/call_watch.hpp"

#include <algorithm>
#include <utility>

namespace stepd::runtime {

namespace {

using engine::SteadyPoint;

engine::Duration::rep ticks(SteadyPoint at) { return at.time_since_epoch().count(); }

}  // namespace

CallWatch::CallWatch(AttemptSink& sink, const Clock& clock)
    : sink_(sink),
      clock_(clock),
      looks_at_(ticks(SteadyPoint::max())),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

CallWatch::~CallWatch() { stop(); }

void CallWatch::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void CallWatch::add(std::shared_ptr<CallSlot> slot, OnStuck on_stuck) {
  const std::scoped_lock lock(slots_mutex_);
  slots_.push_back({std::move(slot), std::move(on_stuck)});
}

void CallWatch::remove(const std::shared_ptr<CallSlot>& slot) {
  const std::scoped_lock lock(slots_mutex_);
  std::erase_if(slots_, [&slot](const Watched& watched) { return watched.slot == slot; });
}

std::vector<CallWatch::Watched> CallWatch::watched() {
  const std::scoped_lock lock(slots_mutex_);
  return slots_;
}

void CallWatch::look_by(SteadyPoint when) {
  if (ticks(when) >= looks_at_.load(std::memory_order_relaxed)) return;
  const std::scoped_lock lock(wake_mutex_);
  if (ticks(when) >= looks_at_.load(std::memory_order_relaxed)) return;
  looks_at_.store(ticks(when), std::memory_order_relaxed);
  wake_.notify_one();
}

bool CallWatch::stop_call(const engine::CallId& call) {
  const auto all = watched();
  return std::ranges::any_of(all, [&call](const Watched& one) { return one.slot->stop(call); });
}

void CallWatch::run(const std::stop_token& stop) {
  std::unique_lock lock(wake_mutex_);
  while (!stop.stop_requested()) {
    const auto at = looks_at_.load(std::memory_order_relaxed);
    const auto earlier = [&] { return looks_at_.load(std::memory_order_relaxed) < at; };
    const SteadyPoint until{engine::Duration(at)};
    if (until == SteadyPoint::max()) {
      wake_.wait(lock, stop, earlier);
    } else {
      wake_.wait_until(lock, stop, until, earlier);
    }
    if (stop.stop_requested()) return;
    if (earlier()) continue;
    // A call that begins while we look around asks for its own time again.
    looks_at_.store(ticks(SteadyPoint::max()), std::memory_order_relaxed);
    lock.unlock();
    look_by(look_around());
    lock.lock();
  }
}

SteadyPoint CallWatch::look_around() {
  const auto now = clock_.now().steady;
  auto next = SteadyPoint::max();
  for (const auto& [slot, on_stuck] : watched()) {
    const auto look = slot->look(now);
    next = std::min(next, look.next);
    if (look.stuck && on_stuck) on_stuck(*look.stuck);
    if (!look.overran) continue;
    sink_.overran(*look.overran);
    slot->stop(look.overran->call);
  }
  return next;
}

}  // namespace stepd::runtime
