#include "tests/simulation/story.hpp"

#include "tests/simulation/simulated_host.hpp"

namespace stepd::simulation {

std::optional<std::string> play_story(std::uint64_t seed, Sum& sum) {
  try {
    SimulatedHost host(seed);
    host.run();
    for (const auto& [what, times] : host.seen()) sum.seen[what] += times;
    sum.crashes += host.crashes();
    return std::nullopt;
  } catch (const Broken& broken) {
    const std::string number = std::to_string(seed);
    return "seed " + number + ": " + broken.what() + "\nreplay: simulate --from " + number +
           " --seeds 1, or with sanitizers: STEPD_SEED=" + number + " simulation_test";
  }
}

std::string missing_from(const Sum& sum) {
  std::string missing;
  for (const char* what : {"jobs",
                           "jobs that others started",
                           "jobs over their deadline",
                           "reruns and undos",
                           "calls beside others of their job",
                           "calls over their time",
                           "probes",
                           "compensations",
                           "pivots passed",
                           "steps skipped",
                           "effects left",
                           "events taken",
                           "memos",
                           "checkpoints",
                           "references",
                           "undos of what a step started",
                           "undos gone on with",
                           "orderly ends",
                           "records refused",
                           "cancel",
                           "retry",
                           "abandon",
                           "skip",
                           "resolve",
                           "pause",
                           "resume",
                           "rerun",
                           "undo",
                           "priority",
                           "delete",
                           "expired"}) {
    if (!sum.seen.contains(what)) missing += std::string(missing.empty() ? "" : ", ") + what;
  }
  return missing;
}

}  // namespace stepd::simulation
