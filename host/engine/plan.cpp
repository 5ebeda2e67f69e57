#include "host/engine/plan.hpp"

#include <algorithm>
#include <cmath>

#include "host/engine/span.hpp"
#include "host/engine/step_graph.hpp"

namespace stepd::engine {
namespace {

Longest sum(Longest left, Longest right) {
  if (!left || !right) return std::nullopt;
  return *left > span_max - *right ? std::nullopt : Longest(*left + *right);
}

/// Without an end is longer than anything.
Longest longer(Longest left, Longest right) {
  if (!left || !right) return std::nullopt;
  return std::max(*left, *right);
}

/// All waits between `attempts` of them, each as long as jitter may make it: a geometric series up
/// to the cap, and the cap from there on.
Longest waits(const RetryPolicy& policy, std::uint32_t attempts) {
  const auto count = static_cast<double>(attempts) - 1;
  const auto cap = static_cast<double>(policy.max.count());
  const double first = std::min(static_cast<double>(policy.initial.count()), cap);
  if (count <= 0 || first <= 0) return Duration::zero();
  const double factor = policy.multiplier;
  const double growing =
      factor > 1 ? std::min(count, std::ceil(std::log(cap / first) / std::log(factor))) : 0;
  const double grown = growing == 0 ? 0 : first * (std::pow(factor, growing) - 1) / (factor - 1);
  const double total =
      (grown + (count - growing) * (factor > 1 ? cap : first)) * (1 + policy.jitter);
  if (total > static_cast<double>(span_max.count())) return std::nullopt;
  return Duration(std::llround(std::ceil(total)));
}

Longest calls(const RetryPolicy& policy, Duration timeout) {
  if (!policy.ends() || timeout == Duration::zero()) return std::nullopt;
  if (policy.attempts_max > span_max / timeout) return std::nullopt;
  return sum(timeout * policy.attempts_max, waits(policy, policy.attempts_max));
}

StepPlan plan_of(const StepDefinition& step) {
  if (!step.snapshot) return {};
  const StepTypeSnapshot& type = *step.snapshot;
  const bool is_saga = type.kind == StepKind::saga;
  return {.forward = calls(type.retry, type.timeout),
          .back = is_saga ? calls(type.compensate_retry, type.compensate_timeout)
                          : Longest(Duration::zero())};
}

/// Adds up along the longest way that ends at each step.
Longest longest_way(const JobDefinition& job, const JobPlan& plan, Longest StepPlan::*part) {
  std::vector<Longest> until(job.steps.size(), Duration::zero());
  Longest whole = Duration::zero();
  for (const StepIndex step : plan.order) {
    Longest before = Duration::zero();
    for (const StepIndex earlier : job.steps[step].after) before = longer(before, until[earlier]);
    until[step] = sum(before, plan.steps[step].*part);
    whole = longer(whole, until[step]);
  }
  return whole;
}

}  // namespace

JobPlan plan_of(const JobDefinition& job) {
  JobPlan plan{.order = order_of(job.steps)};
  const auto pivot = pivot_of(job.steps);
  const StepGraph graph(job.steps);
  for (StepIndex index = 0; index < job.steps.size(); ++index) {
    plan.steps.push_back(plan_of(job.steps[index]));
    // Nothing turns back once the pivot has succeeded (C4).
    if (pivot && graph.precedes(*pivot, index)) {
      plan.steps.back() = {.behind_pivot = true, .forward = std::nullopt, .back = Duration::zero()};
    }
  }
  for (auto step = plan.order.rbegin(); step != plan.order.rend(); ++step) {
    const auto& type = job.steps[*step].snapshot;
    if (type && plan.steps[*step].back != Duration::zero()) plan.compensations.push_back(*step);
  }
  plan.forward = longest_way(job, plan, &StepPlan::forward);
  plan.back = longest_way(job, plan, &StepPlan::back);
  return plan;
}

}  // namespace stepd::engine
