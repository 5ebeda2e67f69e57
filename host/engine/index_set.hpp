#pragma once

#include <algorithm>
#include <vector>

#include "host/engine/id.hpp"

namespace stepd::engine {

/// A few step indexes, in order, without an allocation per element.
class IndexSet {
 public:
  void insert(StepIndex index) {
    const auto place = std::lower_bound(sorted_.begin(), sorted_.end(), index);
    if (place == sorted_.end() || *place != index) sorted_.insert(place, index);
  }
  void erase(StepIndex index) {
    const auto place = std::lower_bound(sorted_.begin(), sorted_.end(), index);
    if (place != sorted_.end() && *place == index) sorted_.erase(place);
  }
  [[nodiscard]] bool contains(StepIndex index) const {
    return std::binary_search(sorted_.begin(), sorted_.end(), index);
  }
  [[nodiscard]] bool empty() const { return sorted_.empty(); }
  [[nodiscard]] std::size_t size() const { return sorted_.size(); }
  [[nodiscard]] auto begin() const { return sorted_.begin(); }
  [[nodiscard]] auto end() const { return sorted_.end(); }
  friend bool operator==(const IndexSet&, const IndexSet&) = default;

 private:
  std::vector<StepIndex> sorted_;
};

}  // namespace stepd::engine
