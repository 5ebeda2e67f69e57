#pragma once

#include <functional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/rehearsal/stage.hpp"
#include "storage/store.hpp"
#include "tests/enumeration/enumeration.hpp"

namespace stepd::enumeration {

/// What a step looks at when it is called, as the SDK shows it: its jobs as they are on disk.
struct Called {
  const engine::CallRequest& request;
  std::string role{};                          // of its job
  std::vector<storage::ChildLine> children{};  // of the step; for a compensation, execute's
  storage::Reader& disk;
};

struct SendEvent {
  std::string id{};
  std::string key{};
};
/// Something from outside, once the job of that role (or its step, where one is named) reads so on
/// disk. Each waits for the one before it.
struct FamilyMoment {
  std::string role{};
  std::string step{};
  std::string state{};
  std::variant<SendEvent, engine::Verb> happens{};
  std::string whom{};  // the role of the job that a verb is for; empty: the same
};

/// A job, what it starts, waits for and is made into: one story of the reference set. Whoever does
/// a step's work decides by what is on record, so that a call that was lost does the same again.
/// The role of the first job is `job`, of what a step starts `job/STEP:KEY`, of a rerun
/// `job+rerun`, of an undo `job+undo`, of one that goes on with that `job+undo+undo`.
struct Family {
  std::string name{};
  std::string job{};  // as it is submitted; the step types are `plain`, `saga` and `probed`
  std::function<engine::Outcome(const Called&)> act{};
  std::vector<FamilyMoment> moments{};
  std::string ends{};  // the words of all its jobs, by role: "job succeeded, job/a:one failed"
};

struct FamilyPlayed {
  std::string words{};   // as Family::ends
  std::string ending{};  // all that must be the same wherever the host dies
  std::string breach{};  // of a promise; empty: none
  std::uint64_t commits = 0;
};

/// From the submit until nothing moves any more, with these crashes.
[[nodiscard]] FamilyPlayed play_family(const Family& family,
                                       std::set<rehearsal::CrashPoint> crashes,
                                       Backing backing = Backing::memory);

/// A job as it is submitted, for a step to start.
[[nodiscard]] engine::Spawn spawn_of(std::string key, const std::string& job);

}  // namespace stepd::enumeration
