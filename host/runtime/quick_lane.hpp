#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/runtime/work_floor.hpp"

namespace stepd::runtime {

/// Few workers for calls that take next to no time: they take them by the chunk and report by the
/// chunk. A call that turns out to take long holds up those behind it for `stuck_after` at most;
/// then another worker takes over the rest of its chunk and the line.
class QuickLane {
 public:
  struct Settings {
    std::size_t workers = 1;       // not counting those that are stuck
    std::size_t workers_max = 32;  // in all
    std::size_t chunk = 64;
    engine::Duration stuck_after = std::chrono::milliseconds(20);
  };
  QuickLane(WorkFloor& floor, const Settings& settings);
  ~QuickLane();
  QuickLane(const QuickLane&) = delete;
  QuickLane& operator=(const QuickLane&) = delete;

  /// Any thread. What nobody can be made to run, nor is there to run it later, is reported.
  void put(std::vector<engine::BoxedCall> requests);
  /// Any thread. Takes a call that has not begun out of the line; false: it is not in it. One that
  /// a worker has already taken up is asked to stop as soon as it begins.
  [[nodiscard]] bool withdraw(const engine::CallId& call);
  /// Returns once every call is over. May be called twice.
  void shut_down();

 private:
  /// What one worker has taken up; others help out when it is stuck. Guarded by the lane's mutex.
  struct Chunk {
    std::vector<engine::BoxedCall> requests;
    std::size_t next = 0;
    bool stuck = false;
    std::vector<engine::CallReported> reports;  // of calls that are over, not handed on yet
    engine::Duration collected{};               // how long those calls took
  };
  // Shared by the list and, while it looks, by the watch, which may come late.
  struct Worker {
    std::shared_ptr<Chunk> chunk;  // owned by the workers at it and by the list of those taken up
    std::optional<engine::CallId> call;
    bool stuck = false;
    bool gone = false;
    std::jthread thread;
  };
  using Lock = std::unique_lock<std::mutex>;

  void run(const std::weak_ptr<Worker>& shared);
  void work_through(Worker& self, WorkPlace& place, Lock& lock);
  [[nodiscard]] engine::CallReported run_next(Worker& self, WorkPlace& place, Lock& lock);
  void on_stuck(Worker& worker, const engine::CallId& call);
  void hand_on(Chunk& chunk, Lock& lock);
  [[nodiscard]] std::shared_ptr<Chunk> take_up();
  [[nodiscard]] bool work_waits() const;
  void call_in();
  void make_worker();

  WorkFloor& floor_;
  const Settings settings_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable arrived_;
  std::deque<engine::BoxedCall> waiting_;
  std::list<std::shared_ptr<Chunk>> taken_up_;
  std::set<engine::CallId> stopped_early_;
  std::list<std::shared_ptr<Worker>> workers_;
  std::size_t hands_ = 0;  // workers that have not gone
  std::size_t stuck_ = 0;  // workers
  std::size_t idle_ = 0;
  bool closed_ = false;
  std::string trouble_;  // why the last worker could not be made
};

}  // namespace stepd::runtime
