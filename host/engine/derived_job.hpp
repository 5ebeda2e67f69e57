#pragma once

#include <variant>

#include "host/engine/definition.hpp"
#include "host/engine/engine.hpp"
#include "host/engine/job_machine.hpp"
#include "host/engine/origin.hpp"

namespace stepd::engine {

/// A job made from a settled one: a rerun or an undo (J5). The old one stays as it is.
struct DerivedJob {
  JobDefinition definition;
  Derivation derivation;
  Entries first_row;
  friend bool operator==(const DerivedJob&, const DerivedJob&) = default;
};

/// What the verb, a rerun or an undo, makes of the job, which has settled. Whether it has been
/// asked before, and whether the job or one that it kept steps of has been undone, the store knows.
///
/// A rerun from a step runs that step and all that come after it, and whatever else has neither
/// succeeded nor been skipped; all other outcomes are kept, with no effect, so that nothing of them
/// is compensated. An undo is the same job past its end, going backward.
///
/// A rerun of an undo that failed goes on with it: what that one left is compensated, what it has
/// compensated is not. All undos of a job are about the same phase of its steps, so their calls
/// have one idempotency key and see the same memos and waits (A6). Each is gone on with once.
[[nodiscard]] std::variant<DerivedJob, Refused> derive(const JobState& origin, const Verb& verb);

/// A step of it that has a compensation took effect, or may have.
[[nodiscard]] bool has_anything_to_undo(const JobState& job);

}  // namespace stepd::engine
