#include "tests/simulation/story.hpp"

#include "tests/simulation/simulated_host.hpp"

namespace stepd::simulation {

std::optional<std::string> play_story(std::uint64_t seed, Sum& sum) {
  try {
    SimulatedHost host(seed);
    host.run();
    sum.settled += host.settled();
    sum.crashes += host.crashes();
    return std::nullopt;
  } catch (const Broken& broken) {
    const std::string number = std::to_string(seed);
    return "seed " + number + ": " + broken.what() + "\nreplay: simulate --from " + number +
           " --seeds 1, or with sanitizers: STEPD_SEED=" + number + " simulation_test";
  }
}

}  // namespace stepd::simulation
