#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace stepd::simulation {

/// What stories came to, summed.
struct Sum {
  std::uint64_t settled = 0;  // jobs
  std::uint64_t crashes = 0;
};

/// Plays the story of a seed. The answer: which promise was broken, and how to see it again; absent
/// when none was.
[[nodiscard]] std::optional<std::string> play_story(std::uint64_t seed, Sum& sum);

}  // namespace stepd::simulation
