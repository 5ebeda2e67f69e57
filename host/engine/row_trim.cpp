#include "host/engine/row_trim.hpp"

#include <optional>

namespace stepd::engine {
namespace {

/// The step a row is about, if it holds nothing but the course of its calls.
std::optional<StepIndex> only_calls_of(const JournalRow& row) {
  std::optional<StepIndex> only;
  const auto is_of_one_step = [&only](StepIndex step) {
    if (!only) only = step;
    return *only == step;
  };
  for (const Entry& entry : row.entries) {
    if (const auto* started = std::get_if<CallStarted>(&entry)) {
      if (!is_of_one_step(started->step)) return std::nullopt;
    } else if (const auto* ended = std::get_if<CallEnded>(&entry)) {
      if (!is_of_one_step(ended->step)) return std::nullopt;
    } else if (const auto* moved = std::get_if<StepMoved>(&entry)) {
      const bool goes_on = std::holds_alternative<Ready>(moved->to) ||
                           std::holds_alternative<Stopping>(moved->to) ||
                           std::holds_alternative<Retrying>(moved->to) ||
                           std::holds_alternative<Suspended>(moved->to);
      if (!goes_on || !moved->output.empty() || !is_of_one_step(moved->step)) return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  return only;
}

}  // namespace

void RowTrim::note(const JobState& job, const JournalRow& row) {
  const auto step = only_calls_of(row);
  if (!step) return;
  const StepState& state = job.steps[*step];
  if (state.calls <= kept_at_each_end) return;
  std::deque<CallRow>& calls = middle_[{*step, state.phase}];
  calls.push_back({state.calls, row.number});
  while (calls.front().call_of_phase + kept_at_each_end <= state.calls) {
    droppable_.push_back(calls.front().row);
    calls.pop_front();
  }
}

std::vector<std::uint64_t> RowTrim::take_droppable() { return std::exchange(droppable_, {}); }

}  // namespace stepd::engine
