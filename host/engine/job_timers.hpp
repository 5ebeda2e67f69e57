#pragma once

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "host/engine/id.hpp"
#include "host/engine/outcome.hpp"

namespace stepd::engine {

/// One due time of a job, on both clocks: the wall clock's, and when on the steady clock it is to
/// be looked at. A span never lasts longer than itself, whatever the wall clock does.
struct Timer {
  std::optional<StepIndex> step;  // absent: the job's deadline
  Due due;                        // as recorded
  SteadyPoint look_at{};
  TimePoint at{};  // by the wall clock as it goes now

  [[nodiscard]] bool is_span() const { return due.span > Duration::zero(); }

  /// A span that began earlier ends no later than `no_later`.
  static Timer set(std::optional<StepIndex> step, Due due, Now now,
                   std::optional<SteadyPoint> no_later = {}) {
    Timer timer{step, due, now.steady, due.at};
    Duration wait = std::max(Duration::zero(), due.at - now.wall);
    if (timer.is_span()) {
      wait = std::min(wait, due.span);
      if (no_later) wait = std::clamp(*no_later - now.steady, Duration::zero(), wait);
      timer.at = std::min(due.at, now.wall + wait);
    }
    timer.look_at += wait;
    return timer;
  }
  [[nodiscard]] bool is_over(Now now) const {
    return now.wall >= at || (is_span() && now.steady >= look_at);
  }
};

/// Which job to look at next, by the steady clock.
class JobTimers {
 public:
  void set(JobId job, std::optional<SteadyPoint> before, std::optional<SteadyPoint> after) {
    if (before == after) return;
    if (before) by_time_.erase({*before, job});
    if (after) by_time_.insert({*after, job});
  }
  [[nodiscard]] std::optional<SteadyPoint> earliest() const {
    if (by_time_.empty()) return std::nullopt;
    return by_time_.begin()->first;
  }
  [[nodiscard]] std::vector<JobId> until(SteadyPoint time) const {
    std::vector<JobId> jobs;
    for (const auto& [at, job] : by_time_) {
      if (at > time) break;
      jobs.push_back(job);
    }
    return jobs;
  }

 private:
  std::set<std::pair<SteadyPoint, JobId>> by_time_;
};

}  // namespace stepd::engine
