#include "host/runtime/quick_lane.hpp"

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

namespace stepd::runtime {

namespace {

/// Reports are kept back for each other's company for no longer than this.
constexpr engine::Duration collect_for = std::chrono::milliseconds(1);

}  // namespace

QuickLane::QuickLane(WorkFloor& floor, const Settings& settings)
    : floor_(floor), settings_(settings) {}

QuickLane::~QuickLane() { shut_down(); }

void QuickLane::put(std::vector<engine::BoxedCall> requests) {
  if (requests.empty()) return;
  std::vector<engine::CallReported> given_back;
  {
    const std::scoped_lock lock(mutex_);
    std::move(requests.begin(), requests.end(), std::back_inserter(waiting_));
    call_in();
    if (hands_ == 0) given_back = without_worker(std::exchange(waiting_, {}), trouble_);
  }
  if (!given_back.empty()) floor_.sink.ended(std::move(given_back));
}

bool QuickLane::withdraw(const engine::CallId& call) {
  const auto is_it = [&call](const engine::BoxedCall& request) { return request->id == call; };
  const std::scoped_lock lock(mutex_);
  if (std::erase_if(waiting_, is_it) != 0) return true;
  for (const auto& chunk : taken_up_) {
    const auto rest = std::span(chunk->requests).subspan(chunk->next);
    if (std::ranges::any_of(rest, is_it)) stopped_early_.insert(call);
  }
  return false;
}

void QuickLane::shut_down() {
  std::list<std::shared_ptr<Worker>> ending;
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    ending.splice(ending.end(), workers_);
    arrived_.notify_all();
  }
  for (const auto& worker : ending) worker->thread.join();
}

/// Sees to it that somebody who is not stuck is at the work that waits.
void QuickLane::call_in() {
  if (!work_waits()) return;
  if (idle_ > 0) {
    arrived_.notify_one();
    return;
  }
  if (closed_ || hands_ - stuck_ >= settings_.workers || hands_ >= settings_.workers_max) return;
  std::erase_if(workers_, [](const auto& worker) { return worker->gone; });
  make_worker();
}

/// Without a thread for another worker, the work waits for one of those there are.
void QuickLane::make_worker() {
  const auto& worker = workers_.emplace_back(std::make_shared<Worker>());
  try {
    worker->thread = std::jthread([this, shared = std::weak_ptr(worker)] { run(shared); });
    ++hands_;
  } catch (const std::system_error& error) {
    trouble_ = error.what();
    workers_.pop_back();
  }
}

bool QuickLane::work_waits() const {
  return !waiting_.empty() || std::ranges::any_of(taken_up_, [](const auto& chunk) {
    return chunk->stuck && chunk->next < chunk->requests.size();
  });
}

/// The worker cannot own itself: its last owner joins its thread.
void QuickLane::run(const std::weak_ptr<Worker>& shared) {
  WorkPlace place(floor_, [this, shared](const engine::CallId& call) {
    if (const auto worker = shared.lock()) on_stuck(*worker, call);
  });
  Lock lock(mutex_);
  Worker& self = *shared.lock();  // the list owns it until it has gone
  while (true) {
    self.chunk = take_up();
    if (self.chunk) {
      work_through(self, place, lock);
      continue;
    }
    // One that was called in for a stuck worker leaves when that one is back.
    if (closed_ || hands_ - stuck_ > settings_.workers) break;
    ++idle_;
    arrived_.wait(lock);
    --idle_;
  }
  --hands_;
  self.gone = true;
}

std::shared_ptr<QuickLane::Chunk> QuickLane::take_up() {
  for (const auto& chunk : taken_up_) {
    if (chunk->stuck && chunk->next < chunk->requests.size()) return chunk;
  }
  if (waiting_.empty()) return nullptr;
  auto chunk = std::make_shared<Chunk>();
  const auto count = std::min(settings_.chunk, waiting_.size());
  const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
  chunk->requests.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  taken_up_.push_back(chunk);
  return chunk;
}

void QuickLane::work_through(Worker& self, WorkPlace& place, Lock& lock) {
  const auto chunk = self.chunk;
  while (chunk->next < chunk->requests.size()) {
    auto report = run_next(self, place, lock);
    chunk->collected += report.took;
    chunk->reports.push_back(std::move(report));
    if (chunk->collected >= collect_for) hand_on(*chunk, lock);
  }
  taken_up_.remove(chunk);
  self.chunk.reset();
  hand_on(*chunk, lock);
}

engine::CallReported QuickLane::run_next(Worker& self, WorkPlace& place, Lock& lock) {
  const engine::CallRequest& request = *self.chunk->requests[self.chunk->next++];
  self.call = request.id;
  // Under the lock: a call is in the line, in a chunk or in a slot, so that a stop finds it.
  place.begin(request, settings_.stuck_after);
  const bool stop = !stopped_early_.empty() && stopped_early_.erase(request.id) != 0;
  lock.unlock();
  if (stop) place.ask_to_stop();
  auto report = place.run(request);
  lock.lock();
  self.call.reset();
  if (self.stuck) {
    self.stuck = false;
    --stuck_;
  }
  return report;
}

void QuickLane::on_stuck(Worker& worker, const engine::CallId& call) {
  Lock lock(mutex_);
  if (worker.call != call) return;  // it is over meanwhile
  worker.stuck = true;
  worker.chunk->stuck = true;
  ++stuck_;
  const auto chunk = worker.chunk;
  call_in();
  hand_on(*chunk, lock);
}

void QuickLane::hand_on(Chunk& chunk, Lock& lock) {
  if (chunk.reports.empty()) return;
  auto reports = std::exchange(chunk.reports, {});
  chunk.collected = engine::Duration::zero();
  lock.unlock();
  floor_.sink.ended(std::move(reports));
  lock.lock();
}

}  // namespace stepd::runtime
