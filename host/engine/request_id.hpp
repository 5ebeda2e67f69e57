#pragma once

#include "host/engine/engine.hpp"
#include "host/engine/job_state.hpp"

namespace stepd::engine {

/// Both are the same, as far as is known: older records know of no content.
[[nodiscard]] bool may_be_one(const ContentHash& before, const ContentHash& now);

/// The verb asks for what was asked under its request id before (O1): the same verb with the same
/// content, its reason included, whoever asks.
[[nodiscard]] bool is_repeat(const JobState& job, const AskedVerb& before, const Verb& verb);

/// Why the verb is not carried out when it is no repeat.
[[nodiscard]] Refused request_taken(const JobState& job, const AskedVerb& before, const Verb& verb);

}  // namespace stepd::engine
