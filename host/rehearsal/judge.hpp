#pragma once

#include <string>
#include <vector>

#include "host/engine/job_state.hpp"
#include "host/engine/step_graph.hpp"
#include "host/rehearsal/ghost_world.hpp"
#include "host/rehearsal/record.hpp"

namespace stepd::rehearsal {

/// Holds what happens to a job against the promises, by its record and the world outside alone.
/// Each breach is a sentence that begins with the rule's number.
class Judge {
 public:
  explicit Judge(const engine::JobDefinition& job)
      : job_(job), graph_(job.steps), pivot_(engine::pivot_of(job.steps)) {}

  /// A call is about to begin; the world does not know of it yet.
  void starts(const engine::CallRequest& request, const Record& record, const GhostWorld& world);
  /// Nothing moves any more; `state` is what the engine's own fold says.
  void at_rest(const Record& record, const GhostWorld& world, const engine::JobState& state);
  void breach(std::string what);
  /// A person decided what is true of the step, or had it tried again: what calls before that did
  /// says nothing about what may follow.
  void decided_by_operator() { operated_ = true; }

  [[nodiscard]] const std::vector<std::string>& breaches() const { return breaches_; }
  /// So much is broken that going on says nothing new.
  [[nodiscard]] bool has_seen_enough() const { return breaches_.size() >= breaches_max; }

 private:
  static constexpr std::size_t breaches_max = 20;

  void forward(const engine::CallRequest& request, const Record& record, const GhostWorld& world);
  void back(const engine::CallRequest& request, const Record& record, const GhostWorld& world);
  void settled(const Record& record, const GhostWorld& world, const engine::JobState& state);

  const engine::JobDefinition& job_;
  const engine::StepGraph graph_;
  const std::optional<engine::StepIndex> pivot_;
  bool operated_ = false;
  std::vector<std::string> breaches_;
};

}  // namespace stepd::rehearsal
