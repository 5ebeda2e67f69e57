#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace stepd::stepctl {

struct DrawnStep {
  std::string mark;                // takes one column
  std::string label;               // stands behind the drawing
  std::vector<std::size_t> after;  // places in the list, of steps before this one
};

/// The graph as lines of text, a step on each line, with rails from each step to those that come
/// after it:
///
///   ●    reserve
///   ├─╮
///   ● │  charge
///   │ ●  pack
///   ├─╯
///   ●    ship
///
/// Empty when more than `rails_max` of them would run side by side.
[[nodiscard]] std::vector<std::string> drawing_of(std::span<const DrawnStep> steps, bool unicode,
                                                  std::size_t rails_max = 24);

}  // namespace stepd::stepctl
