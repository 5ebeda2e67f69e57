#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "storage/store.hpp"

namespace stepd::storage {

/// All that a memory store has committed: a value. Copying it is cheap, since jobs are shared and
/// never change; a changed job is a new one.
struct MemoryRecord {
  struct Job {
    LoadedJob kept;
    std::vector<engine::StepBlob> blobs;  // by step, phase, kind, key
    std::optional<engine::ParentLink> parent;
    std::vector<JobId> relies_on;  // as Derivation has it
    std::string made_by;           // the request that made it from another job
  };

  /// A key's job, also when that one is gone. Of several jobs with one key the newest holds it.
  struct KeyRow {
    engine::ContentHash content;
    engine::JobWord word = engine::JobWord::queued;  // once the job is gone, likewise the next
    std::optional<TimePoint> settled_at;
  };
  /// An event, and where it went.
  struct EventRow {
    std::string tenant;
    EventLine line;
    engine::StepIndex step = 0;  // of given_to, likewise the next
    std::uint64_t call = 0;
    bool recorded = false;
  };
  /// What a job's step has started, by its own names for them.
  struct Brood {
    std::map<std::string, ChildLine> children;
    std::uint32_t settled = 0;
    std::uint32_t unsuccessful = 0;
    std::optional<std::uint32_t> beyond;  // as ChildGate has it
    bool cancelled = false;
  };
  struct WaitRow {
    std::uint64_t number = 0;  // tells which of two on one key is the older
    std::string tenant;
    engine::EventWait wait;
  };
  using KeyName = std::tuple<std::string, std::string, JobId>;  // key, tenant, job

  std::map<JobId, std::shared_ptr<const Job>> jobs;  // owned by every copy of the record
  /// By origin and request; kept for as long as the origin is.
  struct DerivedRow {
    engine::Origin::Kind kind = engine::Origin::Kind::rerun;
    JobId job;
    engine::ContentHash content;
  };
  using DerivedName = std::pair<JobId, std::string>;

  std::map<KeyName, KeyRow> keys;
  std::map<engine::EventNumber, EventRow> events;
  std::map<std::pair<JobId, engine::StepIndex>, WaitRow> waits;
  std::map<std::pair<JobId, engine::StepIndex>, Brood> broods;
  std::uint64_t last_number = 0;  // of events and waits
  std::map<DerivedName, DerivedRow> derived;
  Epoch epoch;
  JobId highest_id;
};

/// See JobLine.
[[nodiscard]] engine::JobWord shown_word(const MemoryRecord::Job& job);

}  // namespace stepd::storage
