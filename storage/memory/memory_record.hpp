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
  };

  /// A key's job, also when that one is gone. Of several jobs with one key the newest holds it.
  struct KeyRow {
    engine::ContentHash content;
    engine::JobWord word = engine::JobWord::queued;  // once the job is gone, likewise the next
    std::optional<TimePoint> settled_at;
  };
  using KeyName = std::tuple<std::string, std::string, JobId>;  // key, tenant, job

  std::map<JobId, std::shared_ptr<const Job>> jobs;  // owned by every copy of the record
  /// By origin and request; kept for as long as the origin is.
  struct DerivedRow {
    engine::Origin::Kind kind = engine::Origin::Kind::rerun;
    JobId job;
  };
  using DerivedName = std::pair<JobId, std::string>;

  std::map<KeyName, KeyRow> keys;
  std::map<DerivedName, DerivedRow> derived;
  Epoch epoch;
  JobId highest_id;
};

}  // namespace stepd::storage
