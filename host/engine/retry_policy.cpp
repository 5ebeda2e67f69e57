#include "host/engine/retry_policy.hpp"

#include <algorithm>
#include <cmath>

namespace stepd::engine {
namespace {

/// Longer than anything waits, and safe to add to any instant.
constexpr Duration wait_max = std::chrono::hours(24) * 366 * 100;

/// One step of SplitMix64 (Steele, Lea, Flood 2014).
std::uint64_t mixed(std::uint64_t bits) {
  bits += 0x9e3779b97f4a7c15ULL;
  bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebULL;
  return bits ^ (bits >> 31U);
}

/// In [-1, 1), the same for the same seed and attempt.
double swing(BackoffSeed seed, std::uint32_t attempt) {
  const std::uint64_t place = (std::uint64_t{seed.step} << 32U) | attempt;
  const std::uint64_t bits = mixed(mixed(static_cast<std::uint64_t>(seed.job.value)) ^ place);
  return std::ldexp(static_cast<double>(bits >> 11U), -52) - 1.0;
}

/// `initial × multiplier^(attempt-1)`, capped. Written so that an infinite or undefined product
/// ends at the cap.
double capped_wait(const RetryPolicy& policy, std::uint32_t attempt) {
  const auto cap = static_cast<double>(std::clamp(policy.max, Duration::zero(), wait_max).count());
  const auto initial = static_cast<double>(std::max(policy.initial, Duration::zero()).count());
  if (initial == 0.0) return 0.0;
  const double wait = initial * std::pow(policy.multiplier, static_cast<double>(attempt) - 1.0);
  return wait < cap ? wait : cap;
}

}  // namespace

RetryPolicy merged(const RetryPolicy& host, const RetryOverrides& step_type,
                   const RetryOverrides& step) {
  const auto chosen = [](const auto& in_job, const auto& in_type, const auto& in_host) {
    return in_job ? *in_job : in_type.value_or(in_host);
  };
  return {.attempts_max = chosen(step.attempts_max, step_type.attempts_max, host.attempts_max),
          .initial = chosen(step.initial, step_type.initial, host.initial),
          .max = chosen(step.max, step_type.max, host.max),
          .multiplier = chosen(step.multiplier, step_type.multiplier, host.multiplier),
          .jitter = chosen(step.jitter, step_type.jitter, host.jitter)};
}

Duration backoff(const RetryPolicy& policy, std::uint32_t attempts_made, BackoffSeed seed) {
  const std::uint32_t attempt = std::max(attempts_made, 1U);
  const double jitter = std::clamp(policy.jitter, 0.0, 1.0) * swing(seed, attempt);
  const double wait = capped_wait(policy, attempt) * (1.0 + jitter);
  return std::min(Duration(std::llround(wait)), wait_max);
}

}  // namespace stepd::engine
