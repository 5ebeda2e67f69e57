#include "host/engine/plan.hpp"

#include <catch2/catch.hpp>

using namespace stepd::engine;
using namespace std::chrono_literals;

namespace {

constexpr RetryPolicy three{.attempts_max = 3, .initial = 1s, .multiplier = 2, .jitter = 0.5};

StepDefinition step(std::vector<StepIndex> after, StepTypeSnapshot type) {
  return {.id = "s", .after = std::move(after), .snapshot = std::move(type)};
}

StepTypeSnapshot plain(Duration timeout) { return {.retry = three, .timeout = timeout}; }

StepTypeSnapshot saga(Duration timeout) {
  return {.kind = StepKind::saga,
          .retry = three,
          .compensate_retry = three,
          .timeout = timeout,
          .compensate_timeout = timeout};
}

using Steps = std::vector<StepIndex>;

}  // namespace

TEST_CASE("a step takes its attempts at most up to their time-outs and the longest waits between") {
  JobDefinition job{.steps = {step({}, plain(10s))}};
  CHECK(plan_of(job).steps[0].forward == 30s + 4500ms);
  CHECK(plan_of(job).steps[0].back == 0s);

  job.steps[0].snapshot->retry.attempts_max = 1;
  CHECK(plan_of(job).forward == 10s);
  job.steps[0].snapshot->retry = {.attempts_max = 5, .initial = 1s, .max = 3s, .jitter = 0};
  CHECK(plan_of(job).forward == 50s + 1s + 2s + 3s + 3s);
  job.steps[0].snapshot->retry = {.attempts_max = 5, .initial = 1s, .multiplier = 1, .jitter = 0};
  CHECK(plan_of(job).forward == 50s + 4s);
  job.steps[0].snapshot->retry = {.attempts_max = 5, .initial = 0s, .jitter = 0};
  CHECK(plan_of(job).forward == 50s);
}

TEST_CASE("the longest wait of a plan is never below what a retry waits") {
  const RetryPolicy policy{
      .attempts_max = 40, .initial = 7ms, .max = 90s, .multiplier = 1.37, .jitter = 0.2};
  Duration waited{};
  for (std::uint32_t made = 1; made < policy.attempts_max; ++made) {
    waited += backoff(policy, made, {.job = JobId{5}, .step = 0});
  }
  JobDefinition job{.steps = {step({}, {.retry = policy, .timeout = 1s})}};
  const Longest longest = plan_of(job).forward;
  REQUIRE(longest);
  CHECK(*longest - 40s >= waited);
  CHECK(*longest - 40s <= waited * 3 / 2);
}

TEST_CASE("without a time-out or a last attempt there is no bound") {
  JobDefinition job{.steps = {step({}, plain(0s)), step({0}, plain(1s))}};
  CHECK_FALSE(plan_of(job).steps[0].forward);
  CHECK(plan_of(job).steps[1].forward);
  CHECK_FALSE(plan_of(job).forward);

  job.steps[0].snapshot = plain(1s);
  CHECK(plan_of(job).forward);
  job.steps[0].snapshot->retry.attempts_max = 0;
  CHECK_FALSE(plan_of(job).forward);
  job.steps[0].snapshot->retry.attempts_max = 4'000'000'000;
  CHECK_FALSE(plan_of(job).forward);
  job.steps[0].snapshot.reset();
  CHECK_FALSE(plan_of(job).forward);
}

TEST_CASE("C2: branches run and turn back side by side") {
  // 0 ─┬─ 1 ─┬─ 3
  //    └─ 2 ─┘
  JobDefinition job{.steps = {step({}, saga(1s)), step({0}, saga(10s)), step({0}, plain(20s)),
                              step({1, 2}, saga(1s))}};
  const Duration waits = 4500ms;
  const JobPlan plan = plan_of(job);

  CHECK(plan.order == Steps{0, 1, 2, 3});
  CHECK(plan.compensations == Steps{3, 1, 0});
  CHECK(plan.forward == 3s + 60s + 3s + 3 * waits);
  CHECK(plan.back == 3s + 30s + 3s + 3 * waits);
}

TEST_CASE("J1: a plan has each step behind all it comes after however they stand") {
  const JobDefinition job{.steps = {step({2}, plain(1s)), step({0}, plain(1s)), step({}, plain(1s)),
                                    step({}, plain(1s))}};
  CHECK(plan_of(job).order == Steps{2, 3, 0, 1});
}

TEST_CASE("C4: behind the pivot nothing is undone") {
  JobDefinition job{.steps = {step({}, saga(1s)), step({0}, saga(1s)), step({1}, saga(1s))}};
  job.steps[1].pivot = true;
  CHECK(plan_of(job).compensations == Steps{1, 0});
  CHECK(plan_of(job).steps[2].back == 0s);
  CHECK_FALSE(plan_of(job).steps[2].forward);
  CHECK_FALSE(plan_of(job).forward);
}
