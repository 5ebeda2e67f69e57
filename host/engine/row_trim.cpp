#include "host/engine/row_trim.hpp"

#include <algorithm>

namespace stepd::engine {
namespace {

bool is_of_children(const Entry& entry) {
  return std::holds_alternative<ChildrenSpawned>(entry) ||
         std::holds_alternative<ChildrenSettled>(entry);
}

bool is_of_a_call(const Entry& entry) {
  const auto* moved = std::get_if<StepMoved>(&entry);
  if (moved == nullptr) {
    return std::holds_alternative<CallStarted>(entry) || std::holds_alternative<CallEnded>(entry) ||
           is_of_children(entry);
  }
  const bool goes_on =
      std::holds_alternative<Ready>(moved->to) || std::holds_alternative<Stopping>(moved->to) ||
      std::holds_alternative<Retrying>(moved->to) || std::holds_alternative<Suspended>(moved->to);
  return goes_on && moved->output.empty();
}

StepIndex step_of(const Entry& entry) {
  if (const auto* started = std::get_if<CallStarted>(&entry)) return started->step;
  if (const auto* ended = std::get_if<CallEnded>(&entry)) return ended->step;
  if (const auto* spawned = std::get_if<ChildrenSpawned>(&entry)) return spawned->step;
  if (const auto* settled = std::get_if<ChildrenSettled>(&entry)) return settled->step;
  return std::get<StepMoved>(entry).step;
}

/// The steps a row is about, each once, if it holds nothing but the course of their calls.
std::vector<StepIndex> only_calls_of(const JournalRow& row) {
  std::vector<StepIndex> steps;
  if (!std::ranges::all_of(row.entries, is_of_a_call)) return steps;
  for (const Entry& entry : row.entries) steps.push_back(step_of(entry));
  std::ranges::sort(steps);
  const auto repeated = std::ranges::unique(steps);
  steps.erase(repeated.begin(), repeated.end());
  return steps;
}

/// The row is about one of the step's first calls of its phase. In a journal that has been trimmed
/// a row may stand without the start of the call that it is about: that is a later one.
bool is_of_first_calls(const JobState& job, StepIndex step, const JournalRow& row) {
  const StepState& state = job.steps[step];
  if (state.calls > RowTrim::kept_at_each_end) return false;
  if (state.calls < RowTrim::kept_at_each_end) return true;
  bool is_between_calls = false;
  for (const Entry& entry : row.entries) {
    if (step_of(entry) != step) continue;
    if (std::holds_alternative<CallStarted>(entry)) return true;
    const auto* ended = std::get_if<CallEnded>(&entry);
    if (ended) return ended->call == state.last_call;
    is_between_calls = is_between_calls || std::holds_alternative<ChildrenSettled>(entry);
  }
  return !is_between_calls;
}

}  // namespace

void RowTrim::note(const JobState& job, const JournalRow& row) {
  const std::vector<StepIndex> steps = only_calls_of(row);
  const auto is_among_the_first = [&](StepIndex step) { return is_of_first_calls(job, step, row); };
  if (steps.empty() || std::ranges::any_of(steps, is_among_the_first)) return;
  const std::size_t holders = steps.size() + note_children(row);
  if (holders > 1) held_[row.number] = holders;
  for (const StepIndex step : steps) {
    const StepState& state = job.steps[step];
    std::deque<CallRow>& calls = middle_[{step, state.phase}];
    calls.push_back({state.calls, row.number});
    while (calls.front().call_of_phase + kept_at_each_end <= state.calls) {
      let_go(calls.front().row);
      calls.pop_front();
    }
  }
}

/// How many of its entries are now the last word on some step's children.
std::size_t RowTrim::note_children(const JournalRow& row) {
  std::size_t last_words = 0;
  for (const Entry& entry : row.entries) {
    if (!is_of_children(entry)) continue;
    std::uint64_t& last = last_of_children_[{step_of(entry), entry.index()}];
    const std::uint64_t before = std::exchange(last, row.number);
    if (before == row.number) continue;
    ++last_words;
    if (before != 0) let_go(before);
  }
  return last_words;
}

void RowTrim::let_go(std::uint64_t row) {
  const auto held = held_.find(row);
  if (held != held_.end()) {
    if (--held->second > 0) return;
    held_.erase(held);
  }
  droppable_.push_back(row);
}

std::vector<std::uint64_t> RowTrim::take_droppable() { return std::exchange(droppable_, {}); }

}  // namespace stepd::engine
