#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "host/engine/id.hpp"

/// Jobs that a step starts, waits for and reads (W3).
namespace stepd::engine {

/// A job's place below another: the step that started it, and what that step calls it.
struct ParentLink {
  JobId job{};
  StepIndex step = 0;
  std::string key{};
  friend bool operator==(const ParentLink&, const ParentLink&) = default;
};

/// What a compensation calls the undo of the job that execute called `child`. No other name begins
/// so: see is_name_of_undo.
[[nodiscard]] inline std::string name_of_undo(std::string_view child) {
  return "undo:" + std::string(child);
}
[[nodiscard]] inline bool is_name_of_undo(std::string_view key) { return key.starts_with("undo:"); }

/// What a wait for children is for. `seen`: how many settled ones the call knew of.
struct ChildWait {
  enum class Until : std::uint8_t { all_settled, another_settled };
  Until until = Until::all_settled;
  std::uint32_t seen = 0;
  friend bool operator==(const ChildWait&, const ChildWait&) = default;
};

/// How many children a step has, as the store counted them when the parent's journal ended with the
/// row `as_of_row`.
struct ChildCounts {
  StepIndex step = 0;
  std::uint32_t spawned = 0;
  std::uint32_t settled = 0;
  std::uint32_t unsuccessful = 0;  // of those settled
  std::uint64_t as_of_row = 0;
  friend bool operator==(const ChildCounts&, const ChildCounts&) = default;

  [[nodiscard]] bool all_settled() const { return settled == spawned; }
  [[nodiscard]] bool ends(const ChildWait& wait) const {
    return all_settled() ||
           (wait.until == ChildWait::Until::another_settled && settled > wait.seen);
  }
};

}  // namespace stepd::engine
