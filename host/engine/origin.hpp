#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/engine/content_hash.hpp"
#include "host/engine/id.hpp"

namespace stepd::engine {

/// A step whose outcome a rerun takes over, and the job in which it really ran. Of an undo that
/// goes on with one that failed: a step that is compensated already, and the undo that did it.
struct KeptStep {
  StepIndex step = 0;
  JobId job{};
  friend bool operator==(const KeptStep&, const KeptStep&) = default;
};

/// The settled job that this one was made from (J5).
struct Origin {
  enum class Kind : std::uint8_t { rerun, undo };
  Kind kind = Kind::rerun;
  JobId job{};
  std::string from{};  // rerun: the step it begins at; empty: all of it runs
  std::vector<KeptStep> kept{};
  friend bool operator==(const Origin&, const Origin&) = default;
};

/// What a store is told of a job that comes from another: of one origin it keeps at most one job
/// per request, and one undo (J5).
struct Derivation {
  JobId origin{};  // of an undo that goes on with another one: that one
  Origin::Kind kind = Origin::Kind::rerun;
  std::string request_id{};
  ContentHash content{};           // of the request
  std::vector<JobId> relies_on{};  // must still be there; of a rerun: and not be undone
  bool goes_on = false;  // with the undo `origin`: what its compensations kept comes along
  friend bool operator==(const Derivation&, const Derivation&) = default;
};

}  // namespace stepd::engine
