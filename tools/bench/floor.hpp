#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>

namespace stepd::bench {

/// What a bare SQLite does: WAL, synchronous=FULL, several jobs' changes in one transaction. A job
/// is a row when it is accepted, a row for each of its `rows`, and an update at its end.
struct Floor {
  double jobs_per_second = 0;
  double cpu_microseconds_per_job = 0;
  double bytes_per_job = 0;
};
struct FloorWork {
  std::size_t jobs = 0;
  int rows = 3;
};
[[nodiscard]] Floor measure_floor(const std::filesystem::path& folder, const FloorWork& work);

/// Half of all lone jobs take no longer: four synced commits, one after the other.
[[nodiscard]] std::chrono::microseconds measure_four_commits(const std::filesystem::path& folder,
                                                             std::size_t jobs);

}  // namespace stepd::bench
