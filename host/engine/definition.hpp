#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/engine/catalogue.hpp"
#include "host/engine/child.hpp"
#include "host/engine/id.hpp"
#include "host/engine/json_text.hpp"
#include "host/engine/origin.hpp"
#include "host/engine/retry_policy.hpp"

namespace stepd::engine {

/// Which build of a step type's plugin a job's calls go to. A compensation or probe goes to the one
/// that executed in any case, for as long as it is there.
enum class Pin : std::uint8_t {
  compatible,  // the newest that takes over the recorded version of the type
  exact,       // the one that was loaded when the job was accepted, and no other
  latest       // the one that is loaded, whatever its version
};

/// What an accepted job keeps of a step's type: nothing that changes later touches it (J2).
struct StepTypeSnapshot {
  std::uint32_t version = 1;
  StepKind kind = StepKind::plain;
  bool offers_probe = false;
  bool not_repeatable = false;
  RetryPolicy retry;             // merged from job, step type and host
  RetryPolicy compensate_retry;  // likewise
  Duration timeout{};            // zero: none; likewise below
  Duration heartbeat{};
  Duration compensate_timeout{};
  std::optional<ModuleHash> build{};  // of a job that is pinned to it (Pin::exact)
  friend bool operator==(const StepTypeSnapshot&, const StepTypeSnapshot&) = default;
};

struct StepDefinition {
  std::string id{};
  std::string type{};
  JsonText args{};  // as sent, with schema defaults where nothing was left to resolve
  bool args_have_references = false;
  std::vector<StepIndex> after{};  // all direct predecessors; resolved, never implied
  bool pivot = false;
  RetryOverrides retry{};
  RetryOverrides compensate_retry{};
  std::optional<Duration> timeout{};
  std::optional<Duration> heartbeat{};
  std::optional<Duration> compensate_timeout{};
  // Absent while the step type has not been loaded yet; completed in the journal (J2, J8).
  std::optional<StepTypeSnapshot> snapshot{};
  friend bool operator==(const StepDefinition&, const StepDefinition&) = default;
};

/// What a job is made of; a snapshot that never changes once the job is accepted.
struct JobDefinition {
  std::string name{};
  std::string tenant = "default";
  std::string key{};  // empty: none
  JsonText args{};    // an object
  JsonText output{};  // an expression; empty: the output of its only last step (J9)
  std::optional<Duration> deadline{};  // from acceptance on
  std::vector<StepDefinition> steps{};
  std::int32_t priority = 0;  // priority_min to priority_max
  std::optional<Origin> origin{};
  std::optional<ParentLink> parent{};  // of a job that a step started
  Pin pin = Pin::compatible;
  friend bool operator==(const JobDefinition&, const JobDefinition&) = default;
};

/// What one submit may hold at most. All in bytes or pieces.
struct Limits {
  std::size_t args_bytes_max = 1U << 20U;  // of the job or of one step
  std::size_t output_bytes_max = 1U << 20U;
  std::size_t steps_max = 10'000;
  std::size_t json_depth_max = 100;
  std::size_t name_bytes_max = 200;  // of a job's name or key, a step's id or type, a tenant
};

/// What the host adds where neither job nor step type says anything (A4).
struct PolicyDefaults {
  RetryPolicy plain{};
  RetryPolicy saga{.attempts_max = 5};
  RetryPolicy compensate{};
};

}  // namespace stepd::engine
