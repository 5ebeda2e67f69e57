#include "host/workshop/trial_job.hpp"

#include <unistd.h>

#include <atomic>
#include <utility>

namespace stepd::workshop {

using engine::OutcomeKind;
using engine::Phase;

namespace {

constexpr int ordinal_bits = 21;  // of a job's id, below its milliseconds
constexpr std::uint32_t jobs_told_apart = 1U << (ordinal_bits - 1);
constexpr std::uint32_t jobs_of_one_process = 1U << 10U;

/// In the upper half of a millisecond's ids, where a daemon's own jobs never get to, and apart from
/// what another process tries meanwhile.
engine::JobId new_id() {
  static std::atomic<std::uint32_t> made{0};
  const auto own = static_cast<std::uint32_t>(::getpid()) * jobs_of_one_process;
  const std::uint32_t ordinal = (own + made.fetch_add(1)) % jobs_told_apart;
  const auto now = runtime::SystemClock().now().wall.time_since_epoch();
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(now).count();
  return {(static_cast<std::int64_t>(milliseconds) << ordinal_bits) |
          static_cast<std::int64_t>(jobs_told_apart + ordinal)};
}

}  // namespace

TrialJob::TrialJob(const engine::StepType& type, engine::JsonText args)
    : type_(type), args_(std::move(args)), id_(new_id()) {}

engine::CallRequest TrialJob::next_call(Phase phase) {
  engine::CallRequest request{
      .id = {id_, ++calls_},
      .epoch = {1},
      .tenant = "default",
      .job_name = "trial",
      .step = "tried",
      .type = type_.name,
      .version = type_.version,
      .phase = phase,
      .attempt = static_cast<std::uint32_t>(calls_),
      .outcome_unknown = in_doubt_,
      .timeout = phase == Phase::compensate ? type_.compensate_timeout : type_.timeout,
      .heartbeat = type_.heartbeat,
      .args = args_,
      .has_blobs = !records_.all().empty()};
  if (phase != Phase::execute) request.own_output = output_;
  return request;
}

void TrialJob::ended(Phase phase, const engine::Outcome* outcome) {
  in_doubt_ = outcome == nullptr || outcome->kind == OutcomeKind::effect_unknown;
  if (outcome == nullptr) return;
  if (outcome->checkpoint) {
    records_.save({.phase = phase, .bytes = *outcome->checkpoint});
  }
  const bool took_effect = phase != Phase::compensate && outcome->kind == OutcomeKind::succeeded;
  if (took_effect) output_ = outcome->output;
}

}  // namespace stepd::workshop
