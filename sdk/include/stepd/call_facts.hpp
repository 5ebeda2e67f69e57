#pragma once

#include <stepd/plugin.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <stepd/text.hpp>
#include <string_view>

namespace stepd {

enum class Phase : std::int32_t {
  execute = STEPD_PHASE_EXECUTE,
  probe = STEPD_PHASE_PROBE,
  compensate = STEPD_PHASE_COMPENSATE
};

/// The facts of a call, the same for as long as it lasts.
class CallFacts {
 public:
  explicit CallFacts(const stepd_call& facts) noexcept : facts_(&facts) {}

  [[nodiscard]] Phase phase() const noexcept { return static_cast<Phase>(facts_->phase); }
  [[nodiscard]] std::string_view tenant() const noexcept { return text_of(facts_->tenant); }
  [[nodiscard]] std::string_view job_id() const noexcept { return text_of(facts_->job_id); }
  [[nodiscard]] std::string_view job_name() const noexcept { return text_of(facts_->job_name); }
  [[nodiscard]] std::string_view step_id() const noexcept { return text_of(facts_->step_id); }
  [[nodiscard]] std::string_view step_type() const noexcept { return text_of(facts_->step_type); }
  /// The version the step was recorded with.
  [[nodiscard]] std::uint32_t step_version() const noexcept { return facts_->step_version; }
  /// Charged to the retry policy, from 1.
  [[nodiscard]] std::uint32_t attempt() const noexcept { return facts_->attempt; }
  /// 0: without end.
  [[nodiscard]] std::uint32_t attempts_max() const noexcept { return facts_->attempts_max; }
  /// How the call before this one ended is not known: it may have taken effect.
  [[nodiscard]] bool outcome_unknown() const noexcept { return facts_->outcome_unknown != 0; }
  /// Increases within the job, also where no attempt is charged.
  [[nodiscard]] std::uint64_t call() const noexcept { return facts_->call; }
  /// Whoever does the work can refuse a lower one than it has seen for the job: it is stale.
  [[nodiscard]] std::uint64_t fencing_token() const noexcept { return facts_->fencing_token; }
  [[nodiscard]] std::optional<std::chrono::sys_time<std::chrono::milliseconds>> deadline()
      const noexcept {
    if (facts_->deadline_unix_ms == 0) return std::nullopt;
    return std::chrono::sys_time<std::chrono::milliseconds>(
        std::chrono::milliseconds(facts_->deadline_unix_ms));
  }
  [[nodiscard]] std::string_view idempotency_key() const noexcept {
    return text_of(facts_->idempotency_key);
  }
  [[nodiscard]] std::string_view execute_key() const noexcept {
    return text_of(facts_->execute_key);
  }

 private:
  const stepd_call* facts_;
};

}  // namespace stepd
