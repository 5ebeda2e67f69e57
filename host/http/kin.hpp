#pragma once

#include <optional>
#include <vector>

#include "host/engine/child.hpp"
#include "host/engine/record.hpp"
#include "storage/store.hpp"

/// What is told of a job besides its own record.
namespace stepd::http {

/// As many jobs made from one are told.
inline constexpr std::size_t derived_max = 100;

struct JobKin {
  /// The job that undoes it; the last of them, where failed undos were gone on with.
  struct Undo {
    engine::JobId job{};
    std::optional<engine::JobWord> state{};  // nothing: it has been removed
  };
  std::vector<storage::DerivedLine> derived{};
  std::optional<Undo> undo{};
  std::vector<engine::ChildCounts> children{};  // of the steps that have some
};

[[nodiscard]] JobKin kin_of(storage::Reader& reader, const engine::LoadedJob& job);

}  // namespace stepd::http
