#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/engine/catalogue.hpp"
#include "host/engine/job_state.hpp"

namespace stepd::engine {

/// One reason why a job is where it is: what it waits for, and what happens next, and when (O2).
struct Reason {
  std::string step{};  // empty: the job as a whole
  std::string code{};  // "waiting_for_type", "retrying", "running", …
  std::string message{};
  std::optional<TimePoint> until{};
  friend bool operator==(const Reason&, const Reason&) = default;
};

/// Never empty: a settled job says so. A total function of the state. `children` are the store's
/// counts: the state knows of those alone that the job was told of.
[[nodiscard]] std::vector<Reason> why(const JobState& job, const Catalogue& catalogue,
                                      std::span<const ChildCounts> children = {});

/// The one derived word for a job.
[[nodiscard]] JobWord word_of(const JobState& job);
/// The same, and `waiting` for one that cannot go on because no plugin offers what it needs: that
/// stands in the head alone.
[[nodiscard]] JobWord word_of(const JobState& job, const JobHead& head);

}  // namespace stepd::engine
