#pragma once

#include <cstddef>
#include <cstdint>

/// What one call may hand to its host, beside the limits that are configured.
namespace stepd::plugin::call_limits {

inline constexpr std::size_t code_bytes_max = 200;            // of an error
inline constexpr std::size_t message_bytes_max = 16U << 10U;  // likewise
inline constexpr std::size_t spawns_max = 1000;               // jobs that one call starts
inline constexpr std::int64_t retry_after_ms_max = std::int64_t{366} * 24 * 3600 * 1000;
inline constexpr std::size_t record_bytes_max = 1U << 20U;  // a checkpoint or a memo
inline constexpr std::size_t memo_key_bytes_max = 200;
inline constexpr std::size_t note_bytes_max = 1000;  // of progress
inline constexpr std::size_t log_bytes_max = 16U << 10U;
inline constexpr std::size_t log_fields_depth_max = 32;
inline constexpr std::size_t children_told_max = 100;             // at a time
inline constexpr std::int64_t unix_ms_max = 253'402'300'799'999;  // the end of the year 9999
inline constexpr std::int64_t span_ms_max = std::int64_t{100} * 365 * 24 * 3600 * 1000;

/// An event's id may hold a job's id, a step's, a phase and a key.
inline constexpr std::size_t names_in_event_id = 3;

}  // namespace stepd::plugin::call_limits
