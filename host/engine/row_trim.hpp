#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "host/engine/job_state.hpp"

namespace stepd::engine {

/// Keeps the journal of a step bounded (D6): of the calls of one phase the first and the last 20
/// stay. Rows that hold nothing but one such call may go; the fold does not need them, because
/// entries carry absolute values.
class RowTrim {
 public:
  static constexpr std::uint32_t kept_at_each_end = 20;

  /// Takes in a row that has just been applied.
  void note(const JobState& job, const JournalRow& row);

  /// The rows that may go now; they are forgotten here.
  [[nodiscard]] std::vector<std::uint64_t> take_droppable();

 private:
  struct CallRow {
    std::uint32_t call_of_phase = 0;
    std::uint64_t row = 0;
  };
  std::map<std::pair<StepIndex, Phase>, std::deque<CallRow>> middle_;
  std::vector<std::uint64_t> droppable_;
};

}  // namespace stepd::engine
