#pragma once

#include <optional>
#include <set>
#include <string>

#include "host/rehearsal/performance.hpp"
#include "tests/enumeration/reference_job.hpp"

namespace stepd::enumeration {

enum class Backing { memory, sqlite };

/// Plays the job with these crashes.
[[nodiscard]] rehearsal::Played play(const ReferenceJob& job, Backing backing,
                                     std::set<rehearsal::CrashPoint> crashes);

/// What a whole enumeration came to; `difference` is empty when all is as it should be.
struct Enumerated {
  std::uint64_t crash_points = 0;
  std::uint64_t pairs = 0;
  std::string difference{};  // of the first run that differs: where it crashed, and what is not so
};

/// Runs the job once, then again with a crash before and after every commit, and with every pair of
/// crashes if it asks for that; each run must end as the first.
[[nodiscard]] Enumerated enumerate(const ReferenceJob& job, Backing backing);

}  // namespace stepd::enumeration
