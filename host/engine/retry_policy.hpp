#pragma once

#include <cstdint>
#include <optional>

#include "host/engine/id.hpp"
#include "host/engine/time.hpp"

namespace stepd::engine {

/// How often and when to try again (A4): `initial × multiplier^(attempt-1)`, capped at `max`,
/// shortened or lengthened by up to `jitter` (a fraction). `attempts_max` 0 is without end.
struct RetryPolicy {
  std::uint32_t attempts_max = 0;
  Duration initial = std::chrono::seconds(1);
  Duration max = std::chrono::minutes(5);
  double multiplier = 2.0;
  double jitter = 0.2;

  [[nodiscard]] bool ends() const { return attempts_max != 0; }
  [[nodiscard]] bool allows_another(std::uint32_t attempts_made) const {
    return attempts_max == 0 || attempts_made < attempts_max;
  }
  friend bool operator==(const RetryPolicy&, const RetryPolicy&) = default;
};

/// What a job or a step type says of its policy; what is absent comes from the next source.
struct RetryOverrides {
  std::optional<std::uint32_t> attempts_max;  // 0: without end
  std::optional<Duration> initial;
  std::optional<Duration> max;
  std::optional<double> multiplier;
  std::optional<double> jitter;
  friend bool operator==(const RetryOverrides&, const RetryOverrides&) = default;
};

/// Step in the job, over step type, over host; field by field.
[[nodiscard]] RetryPolicy merged(const RetryPolicy& host, const RetryOverrides& step_type,
                                 const RetryOverrides& step);

/// What jitter is a function of, so that runs repeat exactly.
struct BackoffSeed {
  JobId job;
  StepIndex step = 0;
};

/// The wait after attempt number `attempts_made` (from 1) failed.
[[nodiscard]] Duration backoff(const RetryPolicy& policy, std::uint32_t attempts_made,
                               BackoffSeed seed);

}  // namespace stepd::engine
