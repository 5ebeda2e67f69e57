#pragma once

#include <stepd/plugin.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/engine/definition.hpp"
#include "host/engine/outcome.hpp"

namespace stepd::plugin {

/// What a call has said of its result so far, and what that makes of its answer. One thread at a
/// time.
class CallAnswer final {
 public:
  CallAnswer(engine::Phase phase, const engine::Limits& limits) : phase_(phase), limits_(limits) {}

  [[nodiscard]] stepd_status set_output(stepd_str json);
  [[nodiscard]] stepd_status set_error(const stepd_error* error);
  /// Of several times the first counts; a key or name given once more replaces the one before.
  [[nodiscard]] stepd_status set_wait(engine::Due due);
  [[nodiscard]] stepd_status set_event_wait(std::string key, std::optional<engine::Due> due);
  [[nodiscard]] stepd_status set_named_wait(std::string name, engine::Due due);

  [[nodiscard]] stepd_status set_child_wait(engine::ChildWait wait);
  /// A name given before in this call stays what it was.
  [[nodiscard]] stepd_status add_child(std::string key,
                                       std::shared_ptr<const engine::JobDefinition> job);
  [[nodiscard]] stepd_status add_undo(std::string key,
                                      std::shared_ptr<const engine::DerivedJob> undo);
  [[nodiscard]] bool starts_jobs() const { return !spawns_.empty(); }
  [[nodiscard]] stepd_status set_checkpoint(stepd_str bytes);

  /// What the host makes of a callback's answer. One that nobody can make sense of is a bad answer,
  /// never a success and never a blind retry.
  [[nodiscard]] engine::Outcome outcome(stepd_outcome answer, std::string_view step_type) &&;

 private:
  [[nodiscard]] stepd_status add(engine::Spawn spawn);
  [[nodiscard]] engine::Outcome succeeded(std::string_view step_type) &&;
  /// The host's words, with the step's own behind them.
  [[nodiscard]] engine::Outcome bad_answer(std::string code, std::string message) &&;
  [[nodiscard]] engine::Outcome unsuccessful(engine::OutcomeKind kind) &&;

  engine::Phase phase_;
  const engine::Limits& limits_;
  engine::JsonText output_;
  engine::Error output_problem_;  // of the last output that was offered
  engine::Error error_;
  std::optional<engine::Duration> retry_after_;
  std::optional<engine::Wait> wait_;
  std::vector<engine::Spawn> spawns_;
  std::optional<std::string> checkpoint_;
};

}  // namespace stepd::plugin
