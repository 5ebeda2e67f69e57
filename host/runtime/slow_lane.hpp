#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/runtime/work_floor.hpp"

namespace stepd::runtime {

/// Workers for calls that may take long: one call each at a time, threads made as they are needed.
/// The engine's limit on calls bounds what waits here.
class SlowLane {
 public:
  SlowLane(WorkFloor& floor, std::size_t workers_max);
  ~SlowLane();
  SlowLane(const SlowLane&) = delete;
  SlowLane& operator=(const SlowLane&) = delete;

  /// Any thread. What nobody can be made to run, nor is there to run it later, is reported.
  void put(std::vector<engine::BoxedCall> requests);
  /// Any thread. Takes a call that has not begun out of the line; false: it is not in it.
  [[nodiscard]] bool withdraw(const engine::CallId& call);
  /// Returns once every call is over. May be called twice.
  void shut_down();

 private:
  void call_in();
  void run();

  WorkFloor& floor_;
  const std::size_t workers_max_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable arrived_;
  std::deque<engine::BoxedCall> waiting_;
  std::size_t idle_ = 0;
  bool closed_ = false;
  std::string trouble_;  // why the last worker could not be made
  std::vector<std::jthread> workers_;
};

}  // namespace stepd::runtime
