#include "tools/stepctl/graph_drawing.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

namespace stepd::stepctl {
namespace {

using Step = std::size_t;
using Rail = std::size_t;

/// The pieces a line is made of.
struct Pieces {
  std::string_view rail, across, crossing, joint, last_in, more_in, last_out, more_out;
};
constexpr Pieces lines{"│", "─", "┼", "├", "╯", "┴", "╮", "┬"};
constexpr Pieces plain{"|", "-", "+", "+", "+", "+", "+", "+"};

class Drawing {
 public:
  Drawing(std::span<const DrawnStep> steps, bool unicode)
      : steps_(steps), pieces_(unicode ? lines : plain), after_(steps.size()) {
    for (Step step = 0; step < steps.size(); ++step) {
      for (const Step before : steps[step].after) after_[before].push_back(step);
    }
  }

  void add(Step step) {
    const auto [rail, joined] = arrive(step);
    if (!joined.empty()) bend(rail, joined, pieces_.last_in, pieces_.more_in);
    for (const Rail end : joined) rails_[end].reset();
    mark(step, rail);
    rails_[rail].reset();
    std::vector<Rail> parting;
    for (const Step next : after_[step]) {
      const Rail to = free_rail(rail);
      rails_[to] = next;
      if (to != rail) parting.push_back(to);
    }
    if (!parting.empty()) bend(rail, parting, pieces_.last_out, pieces_.more_out);
  }

  [[nodiscard]] Rail width() const { return rails_.size(); }

  std::vector<std::string> text() && {
    std::size_t columns = 0;
    for (const Line& line : lines_) columns = std::max(columns, line.columns);
    std::vector<std::string> text;
    for (Line& line : lines_) {
      if (!line.label.empty()) {
        line.text.append(columns - line.columns + 2, ' ');
        line.text += line.label;
      }
      text.push_back(std::move(line.text));
    }
    return text;
  }

 private:
  struct Line {
    std::string text;
    std::size_t columns = 0;
    std::string label;
  };

  [[nodiscard]] bool is_taken(Rail rail) const {
    return rail < rails_.size() && rails_[rail].has_value();
  }

  Rail free_rail(Rail from) {
    while (is_taken(from)) ++from;
    if (from >= rails_.size()) rails_.resize(from + 1);
    return from;
  }

  /// The rail the step stands on, and the others that lead to it, from left to right.
  std::pair<Rail, std::vector<Rail>> arrive(Step step) {
    std::vector<Rail> leading;
    for (Rail rail = 0; rail < rails_.size(); ++rail) {
      if (rails_[rail] == step) leading.push_back(rail);
    }
    if (leading.empty()) {
      const Rail rail = free_rail(0);
      rails_[rail] = step;
      return {rail, {}};
    }
    const Rail first = leading.front();
    leading.erase(leading.begin());
    return {first, std::move(leading)};
  }

  /// A line on which rails between `from` and the `ends`, all to its right, come together.
  void bend(Rail from, const std::vector<Rail>& ends, std::string_view last,
            std::string_view more) {
    Line line;
    for (Rail rail = 0; rail < std::max(rails_.size(), ends.back() + 1); ++rail) {
      const bool inside = rail >= from && rail <= ends.back();
      const bool is_end = std::ranges::find(ends, rail) != ends.end();
      if (rail == from) {
        append(line, pieces_.joint);
      } else if (is_end) {
        append(line, rail == ends.back() ? last : more);
      } else if (inside) {
        append(line, is_taken(rail) ? pieces_.crossing : pieces_.across);
      } else {
        append(line, is_taken(rail) ? pieces_.rail : " ");
      }
      append(line, inside && rail != ends.back() ? pieces_.across : " ");
    }
    finish(std::move(line));
  }

  void mark(Step step, Rail at) {
    Line line;
    for (Rail rail = 0; rail < rails_.size(); ++rail) {
      append(line, rail == at ? std::string_view(steps_[step].mark)
                              : std::string_view(is_taken(rail) ? pieces_.rail : " "));
      append(line, " ");
    }
    line.label = steps_[step].label;
    finish(std::move(line));
  }

  static void append(Line& line, std::string_view piece) {
    line.text += piece;
    ++line.columns;
  }

  void finish(Line line) {
    const std::size_t end = line.text.find_last_not_of(' ') + 1;
    line.columns -= line.text.size() - end;
    line.text.resize(end);
    lines_.push_back(std::move(line));
  }

  std::span<const DrawnStep> steps_;
  const Pieces& pieces_;
  std::vector<std::vector<Step>> after_;
  std::vector<std::optional<Step>> rails_;  // the step that each leads to
  std::vector<Line> lines_;
};

}  // namespace

std::vector<std::string> drawing_of(std::span<const DrawnStep> steps, bool unicode,
                                    std::size_t rails_max) {
  Drawing drawing(steps, unicode);
  for (Step step = 0; step < steps.size(); ++step) {
    drawing.add(step);
    if (drawing.width() > rails_max) return {};
  }
  return std::move(drawing).text();
}

}  // namespace stepd::stepctl
