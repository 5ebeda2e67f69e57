#include "host/runtime/slow_lane.hpp"

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

namespace stepd::runtime {

SlowLane::SlowLane(WorkFloor& floor, std::size_t workers_max)
    : floor_(floor), workers_max_(std::max<std::size_t>(workers_max, 1)) {}

SlowLane::~SlowLane() { shut_down(); }

void SlowLane::put(std::vector<engine::BoxedCall> requests) {
  if (requests.empty()) return;
  std::vector<engine::CallReported> given_back;
  {
    const std::scoped_lock lock(mutex_);
    std::move(requests.begin(), requests.end(), std::back_inserter(waiting_));
    call_in();
    if (workers_.empty()) given_back = without_worker(std::exchange(waiting_, {}), trouble_);
  }
  if (!given_back.empty()) floor_.sink.ended(std::move(given_back));
}

/// Without a thread for a worker of its own, a call waits for one of those there are.
void SlowLane::call_in() {
  try {
    while (!closed_ && workers_.size() < workers_max_ && idle_ < waiting_.size()) {
      workers_.emplace_back([this] { run(); });
      ++idle_;  // on its way to the first call; counted before it runs
    }
  } catch (const std::system_error& error) {
    trouble_ = error.what();
  }
  for (std::size_t woken = 0; woken < std::min(idle_, waiting_.size()); ++woken) {
    arrived_.notify_one();
  }
}

bool SlowLane::withdraw(const engine::CallId& call) {
  const std::scoped_lock lock(mutex_);
  return std::erase_if(waiting_, [&call](const engine::BoxedCall& request) {
           return request->id == call;
         }) != 0;
}

void SlowLane::shut_down() {
  std::vector<std::jthread> ending;
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    ending.swap(workers_);
    arrived_.notify_all();
  }
  for (auto& worker : ending) worker.join();
}

void SlowLane::run() {
  WorkPlace place(floor_);
  std::unique_lock lock(mutex_);
  while (true) {
    arrived_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const auto request = std::move(waiting_.front());
    waiting_.pop_front();
    --idle_;
    // Under the lock: a call is in the line or in a slot, so that a stop always finds it.
    place.begin(*request, std::nullopt);
    lock.unlock();
    std::vector<engine::CallReported> reports;
    reports.push_back(place.run(*request));
    floor_.sink.ended(std::move(reports));
    lock.lock();
    ++idle_;
  }
}

}  // namespace stepd::runtime
