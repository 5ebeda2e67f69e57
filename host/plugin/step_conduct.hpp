#pragma once

#include <atomic>
#include <cstdint>

#include "host/engine/outcome.hpp"

namespace stepd::plugin {

/// How the executing calls of one step type end on one build. Any thread.
class StepConduct final {
 public:
  /// So many first calls may fail before the build is taken back.
  static constexpr std::uint32_t trial_calls = 3;

  StepConduct() = default;
  StepConduct(const StepConduct&) = delete;
  StepConduct& operator=(const StepConduct&) = delete;

  /// Its build takes the place of one whose last call of this type had succeeded.
  void put_on_trial() { calls_left_ = trial_calls; }
  [[nodiscard]] bool is_on_trial() const { return calls_left_ != 0; }

  /// True once: the first calls of the trial have all failed.
  [[nodiscard]] bool ended(engine::OutcomeKind kind);

  [[nodiscard]] bool succeeded_last() const { return succeeded_last_; }

 private:
  std::atomic<bool> succeeded_last_ = false;
  std::atomic<std::uint32_t> calls_left_ = 0;  // 0: there is no trial
};

}  // namespace stepd::plugin
