#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "host/engine/job_state.hpp"

namespace stepd::engine {

/// Keeps the journal of a step bounded (D6): of the calls of one phase the first and the last 20
/// stay. Rows that hold nothing but such calls, of one step or of several, may go once none of them
/// is among those any more; the fold does not need them, because entries carry absolute values.
/// What a step's calls start, and what came of it, goes with them, but for the last word on either.
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

  std::size_t note_children(const JournalRow& row);
  void let_go(std::uint64_t row);

  std::map<std::pair<StepIndex, Phase>, std::deque<CallRow>> middle_;
  /// By step and kind of entry: the row that has the last word on the step's children.
  std::map<std::pair<StepIndex, std::size_t>, std::uint64_t> last_of_children_;
  std::map<std::uint64_t, std::size_t> held_;  // rows with more than one reason to stay
  std::vector<std::uint64_t> droppable_;
};

}  // namespace stepd::engine
