#include "host/engine/retry_policy.hpp"

#include <catch2/catch.hpp>
#include <limits>

using namespace stepd::engine;
using namespace std::chrono_literals;

namespace {

RetryPolicy without_jitter(RetryPolicy policy) {
  policy.jitter = 0;
  return policy;
}

}  // namespace

TEST_CASE("A4: backoff grows by the multiplier up to its cap") {
  const RetryPolicy policy = without_jitter({});
  const std::pair<std::uint32_t, Duration> expected[] = {
      {1, 1s}, {2, 2s}, {3, 4s}, {9, 256s}, {10, 300s}, {11, 300s}, {4'000'000'000U, 300s}};
  for (const auto& [attempt, wait] : expected) {
    INFO("attempt " << attempt);
    CHECK(backoff(policy, attempt, {}) == wait);
  }
}

TEST_CASE("A4: no policy makes backoff overflow or wait less than nothing") {
  const double infinity = std::numeric_limits<double>::infinity();
  const Duration longest = Duration::max();
  const std::pair<RetryPolicy, Duration> rows[] = {
      {{.initial = longest, .max = 5s, .multiplier = 2}, 5s},
      {{.initial = 1s, .max = 5s, .multiplier = infinity}, 5s},
      {{.initial = 0s, .max = 5s, .multiplier = infinity}, 0s},
      {{.initial = -5s, .max = 5s, .multiplier = 2}, 0s},
      {{.initial = 5s, .max = -5s, .multiplier = 2}, 0s},
      {{.initial = 8s, .max = 10s, .multiplier = 0.5}, 2s}};
  for (const auto& [policy, wait] : rows) {
    CHECK(backoff(without_jitter(policy), 3, {}) == wait);
  }
  const Duration wait = backoff({.initial = longest, .max = longest, .jitter = 1.0}, 9, {});
  CHECK(wait > 0s);
  CHECK(TimePoint::max() - wait > TimePoint(std::chrono::years(10'000)));
}

TEST_CASE("A4: jitter is a function of job step and attempt and stays within its share") {
  const RetryPolicy policy{.initial = 10s, .max = 10s, .multiplier = 1, .jitter = 0.2};
  std::vector<Duration> waits;
  for (std::int64_t job = 0; job < 50; ++job) {
    for (StepIndex step = 0; step < 5; ++step) {
      for (std::uint32_t attempt = 1; attempt < 5; ++attempt) {
        const BackoffSeed seed{.job = {job}, .step = step};
        const Duration wait = backoff(policy, attempt, seed);
        CHECK(wait == backoff(policy, attempt, seed));
        waits.push_back(wait);
      }
    }
  }
  const auto [least, most] = std::minmax_element(waits.begin(), waits.end());
  CHECK(*least >= 8s);
  CHECK(*least < 8100ms);
  CHECK(*most <= 12s);
  CHECK(*most > 11900ms);
  std::sort(waits.begin(), waits.end());
  CHECK(std::unique(waits.begin(), waits.end()) - waits.begin() > 990);
}

TEST_CASE("A4: the step goes before its type and the type before the host field by field") {
  const RetryPolicy host{
      .attempts_max = 5, .initial = 1s, .max = 1min, .multiplier = 2, .jitter = 0};
  const RetryOverrides type{
      .attempts_max = 7, .initial = 2s, .max = {}, .multiplier = {}, .jitter = 0.5};
  const RetryOverrides step{
      .attempts_max = 0, .initial = {}, .max = {}, .multiplier = 3.0, .jitter = {}};

  CHECK(merged(host, {}, {}) == host);
  CHECK(merged(host, type, step) ==
        RetryPolicy{.attempts_max = 0, .initial = 2s, .max = 1min, .multiplier = 3, .jitter = 0.5});
}

TEST_CASE("A4: a policy without a number of attempts never ends") {
  CHECK(RetryPolicy{}.allows_another(4'000'000'000U));
  CHECK(RetryPolicy{.attempts_max = 3}.allows_another(2));
  CHECK_FALSE(RetryPolicy{.attempts_max = 3}.allows_another(3));
}
