#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "host/engine/time.hpp"

namespace stepd::engine {

/// A job's name: 63 bits that sort by time. The upper 42 are milliseconds since 1970, the lower 21
/// tell jobs of one millisecond apart. Its text is shaped like a UUIDv7 (RFC 9562); the bits of the
/// text beyond the 63 are a function of them, so a mistyped id is no id.
struct JobId {
  std::int64_t value = 0;
  friend auto operator<=>(const JobId&, const JobId&) = default;
};

[[nodiscard]] std::string to_text(JobId id);
[[nodiscard]] std::optional<JobId> parse_job_id(std::string_view text);
[[nodiscard]] TimePoint created_at(JobId id);

/// Makes ids that never repeat and never go backwards, also over a restart: it begins above the
/// highest id on record. One thread at a time.
class JobIdSource {
 public:
  explicit JobIdSource(JobId highest_on_record) : last_(highest_on_record) {}
  [[nodiscard]] JobId next(TimePoint now);

 private:
  JobId last_;
};

/// A step's place in its job's definition.
using StepIndex = std::uint32_t;

/// One invocation of a step's code; `number` increases within the job (A1).
struct CallId {
  JobId job;
  std::uint64_t number = 0;
  friend auto operator<=>(const CallId&, const CallId&) = default;
};

/// Grows each time a host takes over jobs; every write carries it, and every call is told it as
/// its fencing token (D3).
struct Epoch {
  std::int64_t value = 0;
  friend auto operator<=>(const Epoch&, const Epoch&) = default;
};

/// The content hash of a plugin's file (the first 8 bytes of its SHA-256).
struct ModuleHash {
  std::uint64_t value = 0;
  friend auto operator<=>(const ModuleHash&, const ModuleHash&) = default;
};

}  // namespace stepd::engine
