#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/engine/id.hpp"
#include "host/engine/json_text.hpp"
#include "host/engine/phase.hpp"
#include "host/engine/usage.hpp"
#include "host/engine/wait.hpp"

namespace stepd::engine {

struct DerivedJob;
struct JobDefinition;

/// What a step did outside.
enum class Effect : std::uint8_t { none, possible, done };

/// How a call ended (A2). The order is part of the journal's format: append only.
enum class OutcomeKind : std::uint8_t {
  succeeded,       // in a probe: it took effect
  retry,           // may work later
  refused,         // never works, this call took no effect
  failed,          // never works, may have taken effect
  suspended,       // not finished, no failure
  effect_unknown,  // in a probe: still unknown
  timed_out,
  crashed,
  lost,         // with its host
  cancelled,    // stopped because it was asked to
  no_effect,    // probe only: it took none
  bad_answer,   // an unknown answer, or an output that cannot be recorded
  not_started,  // asked to stop before any of the step's code ran
  interrupted   // its process ended through another call's fault, or nobody knows whose
};

/// Why something did not work: `code` for programs, `message` for people.
struct Error {
  std::string code{};
  std::string message{};
  JsonText details{};
  friend bool operator==(const Error&, const Error&) = default;
};

/// A job that a call wants started. It was validated; owned by whoever passes it on, then by the
/// job's state. A compensation starts nothing but undos of what execute started (W3).
struct Spawn {
  std::string key{};  // of the child, unique within the step
  std::shared_ptr<const JobDefinition> definition{};
  std::shared_ptr<const DerivedJob> undo{};  // in place of a definition; owned likewise
  friend bool operator==(const Spawn&, const Spawn&) = default;
};

struct Outcome {
  OutcomeKind kind = OutcomeKind::succeeded;
  JsonText output{};                        // succeeded
  Error error{};                            // everything that is no success
  std::optional<Duration> retry_after{};    // a lower bound of the backoff
  std::optional<Wait> wait{};               // suspended
  std::vector<Spawn> spawns{};              // succeeded, suspended; else nothing is started
  std::optional<std::string> checkpoint{};  // likewise; replaces the one before
  Usage used{};
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

}  // namespace stepd::engine
