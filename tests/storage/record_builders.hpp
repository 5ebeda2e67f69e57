#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/store.hpp"

/// Records in the shortest words that say what a test is about.
namespace stepd::storage::testing {

using namespace std::chrono_literals;
using engine::ContentHash;
using engine::JobHead;
using engine::JobWord;
using engine::Phase;
using engine::StepBlob;
using engine::StoredRow;
using engine::SubmitKey;

inline constexpr TimePoint noon{std::chrono::hours{500'000}};
/// Ids are time-ordered; a test's own are far apart from each other as those of real jobs are.
inline JobId id_of(std::int64_t number) { return {(std::int64_t{1} << 60) + number * 1000}; }

inline ContentHash content(char filling) { return {std::string(32, filling)}; }

inline JobHead queued(TimePoint due = noon) { return {.word = JobWord::queued, .due = due}; }
inline JobHead waiting(std::optional<TimePoint> due) {
  return {.word = JobWord::waiting, .due = due};
}
inline JobHead waiting_for_type(std::string type) {
  return {.word = JobWord::waiting, .needs = std::move(type)};
}
inline JobHead settled(JobWord word, TimePoint at = noon) {
  return {.word = word, .settled_at = at};
}

inline NewJob job(std::int64_t number, JobHead head = queued()) {
  const std::string name = std::to_string(number);
  return {.id = id_of(number),
          .tenant = "default",
          .name = "transfer",
          .key = std::nullopt,
          .head = std::move(head),
          .at = noon,
          .definition = "definition " + name,
          .first_row = "accepted " + name};
}
inline NewJob claimed_job(std::int64_t number, JobHead head = queued()) {
  NewJob made = job(number, std::move(head));
  made.claimed = true;
  return made;
}
inline NewJob keyed_job(std::int64_t number, SubmitKey key) {
  NewJob made = job(number);
  made.key = std::move(key);
  return made;
}

/// Appends a row.
inline Change row(std::int64_t number, std::uint64_t row_number,
                  std::optional<JobHead> head = std::nullopt) {
  return {.job = id_of(number),
          .row = row_number,
          .at = noon + std::chrono::seconds{row_number},
          .entries = "row " + std::to_string(row_number),
          .head = std::move(head)};
}
inline Change blobs(std::int64_t number, std::vector<StepBlob> kept) {
  Change change;
  change.job = id_of(number);
  change.blobs = std::move(kept);
  return change;
}
inline Change removal(std::int64_t number) {
  Change change;
  change.job = id_of(number);
  change.remove = true;
  return change;
}
inline Change released(Change change) {
  change.release = true;
  return change;
}

/// How a call failed; nothing if it did not.
template <typename Call>
std::optional<StoreError::Kind> failure_of(const Call& call) {
  try {
    static_cast<void>(call());
    return std::nullopt;
  } catch (const StoreError& error) {
    return error.kind;
  }
}
/// What a failed call said; empty if it did not fail.
template <typename Call>
std::string message_of(const Call& call) {
  try {
    static_cast<void>(call());
    return {};
  } catch (const StoreError& error) {
    return error.what();
  }
}

inline std::vector<std::int64_t> numbers_of(const std::vector<LoadedJob>& jobs) {
  std::vector<std::int64_t> numbers;
  for (const auto& each : jobs) numbers.push_back((each.id.value - id_of(0).value) / 1000);
  return numbers;
}
inline std::vector<std::int64_t> numbers_of(const std::vector<JobLine>& lines) {
  std::vector<std::int64_t> numbers;
  for (const auto& each : lines) numbers.push_back((each.id.value - id_of(0).value) / 1000);
  return numbers;
}
inline std::vector<std::uint64_t> numbers_of(const std::vector<StoredRow>& rows) {
  std::vector<std::uint64_t> numbers;
  for (const auto& each : rows) numbers.push_back(each.number);
  return numbers;
}

}  // namespace stepd::storage::testing
