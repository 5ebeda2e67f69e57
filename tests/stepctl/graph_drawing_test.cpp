#include "tools/stepctl/graph_drawing.hpp"

#include <catch2/catch.hpp>

using namespace stepd::stepctl;

namespace {

using Lines = std::vector<std::string>;

std::vector<DrawnStep> graph(const std::vector<std::vector<std::size_t>>& after) {
  std::vector<DrawnStep> steps;
  for (const auto& before : after) {
    steps.push_back({"●", std::string(1, static_cast<char>('a' + steps.size())), before});
  }
  return steps;
}

}  // namespace

TEST_CASE("a list is drawn on one rail") {
  CHECK(drawing_of(graph({{}, {0}, {1}}), true) == Lines{"●  a", "●  b", "●  c"});
}

TEST_CASE("branches part and come together") {
  CHECK(drawing_of(graph({{}, {0}, {0}, {1, 2}}), true) ==
        Lines{"●    a", "├─╮", "● │  b", "│ ●  c", "├─╯", "●    d"});
  CHECK(drawing_of(graph({{}, {0}, {0}, {0}, {1, 2, 3}}), false) ==
        Lines{"●      a", "+-+-+", "● | |  b", "| ● |  c", "| | ●  d", "+-+-+", "●      e"});
}

TEST_CASE("a rail that leads elsewhere is crossed") {
  // a goes on to b, c and e; b and d come together around the rail from a to e.
  CHECK(drawing_of(graph({{}, {0}, {0}, {0}, {1, 3}, {2, 4}}), true) ==
        Lines{"●      a", "├─┬─╮", "● │ │  b", "│ ● │  c", "│ │ ●  d", "├─┼─╯", "● │    e", "├─╯",
              "●      f"});
}

TEST_CASE("a step that starts at once has a rail of its own") {
  CHECK(drawing_of(graph({{}, {}, {0, 1}}), true) == Lines{"●    a", "│ ●  b", "├─╯", "●    c"});
}

TEST_CASE("what is too wide is not drawn") {
  std::vector<DrawnStep> steps = graph({{}});
  for (int branch = 0; branch < 5; ++branch) steps.push_back({"●", "x", {0}});
  CHECK(drawing_of(steps, true, 5).size() == 7);
  CHECK(drawing_of(steps, true, 4).empty());
}
