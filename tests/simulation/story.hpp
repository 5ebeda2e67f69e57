#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/simulation/world.hpp"

namespace stepd::simulation {

/// What stories came to, summed.
struct Sum {
  std::uint64_t crashes = 0;
  Sights seen{};
};

/// Plays the story of a seed. The answer: which promise was broken, and how to see it again; absent
/// when none was.
[[nodiscard]] std::optional<std::string> play_story(std::uint64_t seed, Sum& sum);

/// What never came up, of all that must in many stories; empty: nothing.
[[nodiscard]] std::string missing_from(const Sum& sum);

}  // namespace stepd::simulation
