#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/span_text.hpp"

namespace stepd::stepctl {

/// What the daemon has counted of its step types by one moment.
struct StepUsage {
  struct Type {
    std::int64_t running = 0;
    std::int64_t waiting = 0;
    std::int64_t calls = 0;
    std::int64_t failed = 0;
    std::int64_t cpu_us = 0;
    std::int64_t cpu_unknown = 0;
    std::map<std::int64_t, std::int64_t> ran;     // below so many microseconds: calls
    std::map<std::int64_t, std::int64_t> waited;  // likewise
    std::int64_t memory_bytes = 0;                // 0: not known
  };
  Instant at{};
  Instant since{};  // the daemon's start: it counts from there
  std::map<std::string, Type> types;
};
/// Absent where it is no such document.
[[nodiscard]] std::optional<StepUsage> parse_step_usage(std::string_view body);

/// One step type between two moments. Absent: no call was over meanwhile, or nobody knows.
struct StepRates {
  std::string type;
  double calls_per_second = 0;
  std::int64_t running = 0;
  std::int64_t waiting = 0;
  std::optional<Span> p50{};         // of how long the calls ran; a quarter too long at most
  std::optional<Span> p99{};         // likewise
  std::optional<Span> waited_p99{};  // likewise, of how long they waited
  std::optional<double> failed_percent{};
  std::optional<double> cpu_percent{};  // of one processor
  std::optional<Span> cpu_per_call{};
  std::optional<std::int64_t> memory_bytes{};  // the most by the later moment
};
struct RateTable {
  Span window{};
  std::vector<StepRates> types;
};
/// What happened in between; since its start when the daemon was started anew meanwhile.
[[nodiscard]] RateTable rates_between(const StepUsage& before, const StepUsage& after);

/// By what a table of them may be sorted.
inline constexpr std::initializer_list<const char*> rate_sort_keys{
    "type", "rate", "running", "waiting", "p50", "p99", "waited", "failed", "cpu", "memory"};
/// The largest first, and names from a to z.
void sort_by(std::string_view key, RateTable& table);

}  // namespace stepd::stepctl
