#pragma once

#include <optional>
#include <string_view>

#include "host/engine/engine.hpp"
#include "host/engine/record.hpp"
#include "host/engine/step_state.hpp"

/// The one place where enumerators become the words people and JSON use, and back.
namespace stepd::engine {

[[nodiscard]] std::string_view name_of(JobWord word);
[[nodiscard]] std::string_view name_of(Phase phase);
[[nodiscard]] std::string_view name_of(Effect effect);
[[nodiscard]] std::string_view name_of(OutcomeKind kind);
[[nodiscard]] std::string_view name_of(StopCause cause);
[[nodiscard]] std::string_view name_of(ParkReason reason);
[[nodiscard]] std::string_view name_of(AbandonReason reason);
[[nodiscard]] std::string_view name_of(SettledState state);
[[nodiscard]] std::string_view name_of(StepKind kind);
[[nodiscard]] std::string_view name_of(Pin pin);
[[nodiscard]] std::string_view name_of(Verb::Kind kind);
[[nodiscard]] std::string_view name_of(Cause::Kind kind);
[[nodiscard]] std::string_view name_of(Origin::Kind kind);
[[nodiscard]] std::string_view name_of(const StepCondition& condition);

[[nodiscard]] std::optional<JobWord> parse_job_word(std::string_view text);
[[nodiscard]] std::optional<Pin> parse_pin(std::string_view text);
[[nodiscard]] std::optional<Verb::Kind> parse_verb(std::string_view text);

}  // namespace stepd::engine
