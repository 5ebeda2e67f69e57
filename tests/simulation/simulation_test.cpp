#include <catch2/catch.hpp>
#include <cstdlib>
#include <optional>
#include <string>

#include "tests/simulation/story.hpp"

using stepd::simulation::missing_from;
using stepd::simulation::play_story;
using stepd::simulation::Sum;

namespace {

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace

TEST_CASE("D2: no story of chance breaks a promise under the sanitizers") {
  const std::uint64_t first = number_from("STEPD_SEED", 1);
  const std::uint64_t count = number_from("STEPD_SEEDS", std::getenv("STEPD_SEED") ? 1 : 2000);
  Sum sum;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const auto broken = play_story(seed, sum);
    if (broken) FAIL(*broken);
  }
  if (count > 100) {
    CHECK(sum.seen["jobs"] > count * 2);
    CHECK(sum.crashes > count);
  }
  if (count >= 2000) {
    CHECK(missing_from(sum).empty());
  }
}
