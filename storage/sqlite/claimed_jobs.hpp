#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "storage/store.hpp"

namespace stepd::storage::sqlite {

/// Where a job's record stands.
struct Standing {
  std::uint64_t last_row = 0;
  engine::JobWord word = engine::JobWord::queued;  // of the head; likewise below
  bool stands_out = true;  // flagged, or in need of a step type: it is in the index of those
};

[[nodiscard]] inline bool stands_out(const engine::JobHead& head) {
  return head.attention || !head.needs.empty();
}
[[nodiscard]] inline Standing standing_of(const LoadedJob& job) {
  return {job.rows.back().number, job.head.word, stands_out(job.head)};
}

/// The jobs this host is at work on, and where their records stand, so that a change to one needs
/// not be looked up. It follows the transaction: `keep` once that is committed, else `undo`.
class ClaimedJobs {
 public:
  [[nodiscard]] const Standing* find(JobId id) const {
    const auto found = jobs_.find(id.value);
    return found == jobs_.end() ? nullptr : &found->second;
  }
  void put(JobId id, Standing standing) {
    note(id);
    jobs_[id.value] = standing;
  }
  void drop(JobId id) {
    note(id);
    jobs_.erase(id.value);
  }
  void clear() {
    jobs_.clear();
    before_.clear();
  }

  void keep() { before_.clear(); }
  void undo() {
    for (; !before_.empty(); before_.pop_back()) {
      const auto& [id, standing] = before_.back();
      if (standing) {
        jobs_[id] = *standing;
      } else {
        jobs_.erase(id);
      }
    }
  }

 private:
  void note(JobId id) {
    const Standing* found = find(id);
    before_.emplace_back(id.value, found ? std::optional{*found} : std::nullopt);
  }

  std::unordered_map<std::int64_t, Standing> jobs_;
  std::vector<std::pair<std::int64_t, std::optional<Standing>>> before_;
};

}  // namespace stepd::storage::sqlite
