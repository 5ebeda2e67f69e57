#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "host/engine/definition.hpp"

namespace stepd::engine {

/// Every step behind all it comes after (Kahn 1962); shorter than the steps when there is a cycle.
[[nodiscard]] std::vector<StepIndex> order_of(const std::vector<StepDefinition>& steps);

/// The point of no return, the first if several say so.
[[nodiscard]] std::optional<StepIndex> pivot_of(const std::vector<StepDefinition>& steps);

/// Which steps of a definition come before which, directly or through others. For a plain list the
/// answer is the order it stands in; for any other graph it is worked out once, a bit per pair.
class StepGraph {
 public:
  /// Every `after` must name a step of the list.
  explicit StepGraph(const std::vector<StepDefinition>& steps);

  /// The steps of one cycle, in order; empty when there is none. `precedes` needs it to be empty.
  [[nodiscard]] const std::vector<StepIndex>& cycle() const { return cycle_; }

  [[nodiscard]] bool precedes(StepIndex earlier, StepIndex later) const;

 private:
  void find_predecessors(const std::vector<StepDefinition>& steps,
                         const std::vector<StepIndex>& order);

  bool is_list_ = true;
  std::vector<StepIndex> cycle_;
  std::size_t words_ = 0;  // of a step's row in `before_`
  std::vector<std::uint64_t> before_;
};

}  // namespace stepd::engine
