#pragma once

#include <string>
#include <vector>

#include "tools/stepctl/screen.hpp"

namespace stepd::stepctl {

struct Cell {
  std::string text;
  Tone tone = Tone::plain;
};

/// Rows under headings, every column as wide as its widest cell.
class Table final {
 public:
  /// An empty list of headings makes a table without a heading line.
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}

  void add(std::vector<Cell> row);

  /// Every line ends with a newline; the last column is cut where the screen has an edge.
  [[nodiscard]] std::string text(const Screen& screen) const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace stepd::stepctl
