#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/runtime/host.hpp"

namespace stepd::rehearsal {

/// What running code asks of whoever plays the job; on the thread that plays.
class CodeNeeds {
 public:
  virtual ~CodeNeeds() = default;
  [[nodiscard]] virtual engine::BlobStatus save(const engine::CallId& call,
                                                engine::StepBlob::Kind kind, std::string key,
                                                std::string bytes) = 0;
  [[nodiscard]] virtual runtime::EventAnswer send(const engine::CallId& call,
                                                  engine::SentEvent event) = 0;
  /// It would start a job, and is told that none is played.
  virtual void refuse_job(engine::StepIndex step) = 0;
  /// Everything on record for the step.
  [[nodiscard]] virtual std::vector<engine::StepBlob> blobs(engine::StepIndex step) = 0;
};

/// The code of steps, as a performance has it called where a script would play. Its effects are
/// real.
class StepCode {
 public:
  struct Call {
    const engine::CallRequest& request;
    engine::Now now{};           // by the clock that is pushed; it stands while the code runs
    bool asked_to_stop = false;  // from its beginning
  };
  virtual ~StepCode() = default;
  /// The code's own answer. Absent: it did not return in time, or is not to be called any more, and
  /// the performance is over; `why_silent` says it.
  [[nodiscard]] virtual std::optional<engine::Outcome> run(const Call& call, CodeNeeds& needs) = 0;
  [[nodiscard]] virtual std::string why_silent() const = 0;
  /// The job of a path takes an id right above this. No two answers are the same and no other job
  /// has such an id, so that no idempotency key is ever used twice.
  [[nodiscard]] virtual engine::JobId ids_above(engine::TimePoint now) = 0;
};

}  // namespace stepd::rehearsal
