#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/engine/id.hpp"
#include "host/engine/phase.hpp"

namespace stepd::engine {

struct CallTrack {
  StepIndex step = 0;
  Phase phase = Phase::execute;
  bool quick = false;
  bool over = false;
  bool in_doubt = false;  // a batch before the one that holds its start was not committed
  BatchId started_in = 0;
  std::unique_ptr<CallReported> reported{};  // kept until its record is on disk
};

/// Calls under way, or reported and not yet on disk, by job: they outlive the job's stay in memory.
class CallTable {
 public:
  struct Call {
    std::uint64_t number = 0;
    CallTrack track{};
  };

  /// Pointers and spans hold until a call of the same job is added or erased.
  [[nodiscard]] CallTrack* find(const CallId& id) {
    for (Call& call : of(id.job)) {
      if (call.number == id.number) return &call.track;
    }
    return nullptr;
  }
  /// In the order in which they began.
  [[nodiscard]] std::span<Call> of(JobId job) {
    const auto found = jobs_.find(job.value);
    if (found == jobs_.end()) return {};
    return found->second;
  }
  [[nodiscard]] std::span<const Call> of(JobId job) const {
    const auto found = jobs_.find(job.value);
    if (found == jobs_.end()) return {};
    return found->second;
  }
  void add(const CallId& id, CallTrack track) {
    jobs_[id.job.value].push_back({id.number, std::move(track)});
  }
  void erase(const CallId& id) {
    erase_if(id.job, [&](const Call& call) { return call.number == id.number; });
  }
  template <typename Condition>
  void erase_if(JobId job, const Condition& condition) {
    const auto found = jobs_.find(job.value);
    if (found == jobs_.end()) return;
    std::erase_if(found->second, condition);
    if (found->second.empty()) jobs_.erase(found);
  }

 private:
  std::unordered_map<std::int64_t, std::vector<Call>> jobs_;
};

}  // namespace stepd::engine
