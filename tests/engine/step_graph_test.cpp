#include "host/engine/step_graph.hpp"

#include <catch2/catch.hpp>

#include "tests/support/chance.hpp"

using namespace stepd::engine;

namespace {

using After = std::vector<std::vector<StepIndex>>;

std::vector<StepDefinition> steps(const After& after) {
  std::vector<StepDefinition> made(after.size());
  for (std::size_t index = 0; index < after.size(); ++index) made[index].after = after[index];
  return made;
}

/// By walking back, as the definition says.
bool reaches(const After& after, StepIndex from, StepIndex to) {
  for (const StepIndex before : after[from]) {
    if (before == to || reaches(after, before, to)) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("J1: in a list every step comes after all before it") {
  const StepGraph graph(steps({{}, {0}, {1}}));
  CHECK(graph.cycle().empty());
  CHECK(graph.precedes(0, 2));
  CHECK_FALSE(graph.precedes(2, 0));
  CHECK_FALSE(graph.precedes(1, 1));
}

TEST_CASE("J1: in any graph a step comes after those it reaches through its predecessors") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    stepd::tests::Chance chance(seed);
    After after(1 + chance.below(9));
    for (StepIndex index = 0; index < after.size(); ++index) {
      for (StepIndex before = 0; before < index; ++before) {
        // Mirrored half of the time, so that a step may come after one that stands behind it.
        const auto last = static_cast<StepIndex>(after.size() - 1);
        if (chance.below(3) != 0) continue;
        if (seed % 2 == 0) {
          after[index].push_back(before);
        } else {
          after[last - index].push_back(last - before);
        }
      }
    }
    const StepGraph graph(steps(after));
    REQUIRE(graph.cycle().empty());
    for (StepIndex earlier = 0; earlier < after.size(); ++earlier) {
      for (StepIndex later = 0; later < after.size(); ++later) {
        INFO("seed " << seed << ": " << earlier << " before " << later);
        CHECK(graph.precedes(earlier, later) == reaches(after, later, earlier));
      }
    }
  }
}

TEST_CASE("J6: a cycle is found wherever it hides") {
  CHECK(StepGraph(steps({{0}})).cycle() == std::vector<StepIndex>{0});
  CHECK(StepGraph(steps({{}, {0, 3}, {1}, {2}, {3}})).cycle().size() == 3);
  CHECK(StepGraph(steps({{1}, {0}})).cycle().size() == 2);
}

TEST_CASE("a graph of ten thousand steps is worked out at once") {
  After after(10'000);
  for (StepIndex index = 2; index < after.size(); ++index) after[index] = {index - 1, index - 2};
  const StepGraph graph(steps(after));
  CHECK(graph.precedes(1, 9'999));
  CHECK(graph.precedes(0, 9'999));
  CHECK_FALSE(graph.precedes(0, 1));
}
