#include "host/engine/step_graph.hpp"

#include <algorithm>
#include <utility>

namespace stepd::engine {
namespace {

bool is_list(const std::vector<StepDefinition>& steps) {
  for (StepIndex index = 0; index < steps.size(); ++index) {
    const std::vector<StepIndex>& after = steps[index].after;
    if (index == 0 ? !after.empty() : after != std::vector<StepIndex>{index - 1}) return false;
  }
  return true;
}

/// Each step that is not in the order comes after another such one: going back from one to the next
/// must lead in a circle.
std::vector<StepIndex> some_cycle(const std::vector<StepDefinition>& steps,
                                  const std::vector<StepIndex>& order) {
  std::vector<bool> in_order(steps.size());
  for (const StepIndex index : order) in_order[index] = true;
  const auto is_stuck = [&](StepIndex index) { return !in_order[index]; };
  StepIndex step = 0;
  while (!is_stuck(step)) ++step;
  std::vector<StepIndex> way;
  std::vector<bool> seen(steps.size());
  for (; !seen[step]; step = *std::ranges::find_if(steps[step].after, is_stuck)) {
    seen[step] = true;
    way.push_back(step);
  }
  way.erase(way.begin(), std::ranges::find(way, step));
  std::ranges::reverse(way);
  return way;
}

}  // namespace

std::vector<StepIndex> order_of(const std::vector<StepDefinition>& steps) {
  std::vector<std::vector<StepIndex>> successors(steps.size());
  std::vector<std::size_t> open(steps.size());
  std::vector<StepIndex> order;
  for (StepIndex index = 0; index < steps.size(); ++index) {
    for (const StepIndex before : steps[index].after) successors[before].push_back(index);
    open[index] = steps[index].after.size();
    if (open[index] == 0) order.push_back(index);
  }
  for (std::size_t next = 0; next < order.size(); ++next) {
    for (const StepIndex successor : successors[order[next]]) {
      if (--open[successor] == 0) order.push_back(successor);
    }
  }
  return order;
}

std::optional<StepIndex> pivot_of(const std::vector<StepDefinition>& steps) {
  const auto pivot = std::ranges::find(steps, true, &StepDefinition::pivot);
  if (pivot == steps.end()) return std::nullopt;
  return static_cast<StepIndex>(pivot - steps.begin());
}

StepGraph::StepGraph(const std::vector<StepDefinition>& steps) : is_list_(is_list(steps)) {
  if (is_list_) return;
  const std::vector<StepIndex> order = order_of(steps);
  if (order.size() == steps.size()) {
    find_predecessors(steps, order);
  } else {
    cycle_ = some_cycle(steps, order);
  }
}

void StepGraph::find_predecessors(const std::vector<StepDefinition>& steps,
                                  const std::vector<StepIndex>& order) {
  words_ = (steps.size() + 63) / 64;
  before_.resize(words_ * steps.size());
  for (const StepIndex index : order) {
    std::uint64_t* const row = before_.data() + index * words_;
    for (const StepIndex before : steps[index].after) {
      const std::uint64_t* const earlier = before_.data() + before * words_;
      for (std::size_t word = 0; word < words_; ++word) row[word] |= earlier[word];
      row[before / 64] |= std::uint64_t{1} << (before % 64);
    }
  }
}

bool StepGraph::precedes(StepIndex earlier, StepIndex later) const {
  if (is_list_) return earlier < later;
  return ((before_[later * words_ + earlier / 64] >> (earlier % 64)) & 1U) != 0;
}

}  // namespace stepd::engine
