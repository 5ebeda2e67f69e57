#include "tools/stepctl/table.hpp"

#include <algorithm>

namespace stepd::stepctl {
namespace {

constexpr std::string_view gap = "  ";

void append_row(std::string& text, const std::vector<Cell>& row,
                const std::vector<std::size_t>& widths, const Screen& screen) {
  std::string line;
  std::size_t used = 0;
  std::size_t padding = 0;
  for (std::size_t column = 0; column < row.size(); ++column) {
    if (row[column].text.empty()) {
      padding += widths[column] + gap.size();
      continue;
    }
    line.append(padding, ' ');
    used += padding;
    std::string shown = row[column].text;
    const bool last = column + 1 == row.size();
    if (last && screen.columns > used) shown = cut(shown, screen.columns - used, screen.unicode);
    const std::size_t width = width_of(shown);
    line += paint(shown, row[column].tone, screen);
    used += width;
    padding = widths[column] - std::min(width, widths[column]) + gap.size();
  }
  text.append(line).append("\n");
}

}  // namespace

void Table::add(std::vector<Cell> row) {
  for (Cell& cell : row) cell.text = printable(cell.text);
  rows_.push_back(std::move(row));
}

std::string Table::text(const Screen& screen) const {
  std::vector<std::vector<Cell>> rows;
  if (!headings_.empty()) {
    std::vector<Cell> headings;
    for (const std::string& heading : headings_) headings.push_back({heading, Tone::dim});
    rows.push_back(std::move(headings));
  }
  rows.insert(rows.end(), rows_.begin(), rows_.end());

  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    if (row.size() > widths.size()) widths.resize(row.size());
    for (std::size_t column = 0; column < row.size(); ++column) {
      widths[column] = std::max(widths[column], width_of(row[column].text));
    }
  }
  std::string text;
  for (const auto& row : rows) append_row(text, row, widths, screen);
  return text;
}

}  // namespace stepd::stepctl
