#include "host/engine/lint.hpp"

#include <optional>
#include <string>

#include "host/engine/json_cursor.hpp"
#include "host/engine/json_place.hpp"

namespace stepd::engine {
namespace {

class Linter {
 public:
  Linter(const JobDefinition& job, const StepGraph& graph)
      : job_(job), graph_(graph), pivot_(pivot_of(job.steps)) {}

  std::vector<Problem> warnings() && {
    if (pivot_) around_pivot();
    if (job_.deadline) before_deadline();
    return std::move(warnings_);
  }

 private:
  void around_pivot() {
    const std::string pivot = in_quotes(job_.steps[*pivot_].id);
    for (StepIndex index = 0; index < job_.steps.size(); ++index) {
      const auto& snapshot = job_.steps[index].snapshot;
      if (!snapshot || index == *pivot_) continue;
      const bool is_saga = snapshot->kind == StepKind::saga;
      const bool is_behind = graph_.precedes(*pivot_, index);
      if (is_saga && is_behind) {
        warn(index, "step", "saga_after_pivot",
             "is a saga step behind the pivot " + pivot +
                 ": nothing turns back from there, so its compensation never runs");
      } else if (!is_saga && !is_behind && snapshot->retry.ends()) {
        warn(index, "step", "left_before_pivot",
             "is given up after " + std::to_string(snapshot->retry.attempts_max) +
                 (snapshot->retry.attempts_max == 1 ? " attempt" : " attempts") +
                 ", before the pivot " + pivot +
                 ", and has no compensation: what it may have done stays");
      }
    }
  }

  /// Once the pivot has succeeded a deadline changes nothing (C4).
  void before_deadline() {
    const StepDefinition* first = nullptr;
    std::size_t more = 0;
    for (StepIndex index = 0; index < job_.steps.size(); ++index) {
      const StepDefinition& step = job_.steps[index];
      if (!step.snapshot || step.snapshot->retry.ends()) continue;
      if (pivot_ && graph_.precedes(*pivot_, index)) continue;
      more += first != nullptr ? 1 : 0;
      if (first == nullptr) first = &step;
    }
    if (first == nullptr) return;
    const Place root;
    const std::string others = more == 0 ? "" : " and " + std::to_string(more) + " more";
    add({"endless_retry", root.at("deadline").pointer(),
         "may pass while " + in_quotes(first->id) + others +
             " is still being tried: the policy has no end, so only the deadline gives the step "
             "up, with its effect in doubt; attempts_max gives it up earlier"});
  }

  void warn(StepIndex index, std::string_view member, std::string_view code, std::string message) {
    const Place root;
    const Place steps = root.at("steps");
    const Place step = steps.at(std::size_t{index});
    add({std::string(code), step.at(member).pointer(), std::move(message)});
  }
  void add(Problem warning) {
    if (warnings_.size() < problems_max) warnings_.push_back(std::move(warning));
  }

  const JobDefinition& job_;
  const StepGraph& graph_;
  const std::optional<StepIndex> pivot_;
  std::vector<Problem> warnings_;
};

}  // namespace

std::vector<Problem> lint(const JobDefinition& job, const StepGraph& graph) {
  return Linter(job, graph).warnings();
}

}  // namespace stepd::engine
