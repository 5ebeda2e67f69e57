#pragma once

#include <string>

#include "host/engine/engine.hpp"
#include "host/workshop/trial_ports.hpp"

namespace stepd::workshop {

/// A job of one step that no daemon knows, and what the calls of that step are told. One thread at
/// a time.
class TrialJob final {
 public:
  /// Its id is one that no daemon gives to a job, and no other trial of this process has.
  TrialJob(const engine::StepType& type, engine::JsonText args);

  /// The next call of a phase.
  [[nodiscard]] engine::CallRequest next_call(engine::Phase phase);
  /// How it ended; nothing: with its process.
  void ended(engine::Phase phase, const engine::Outcome* outcome);

  [[nodiscard]] TrialRecords& records() { return records_; }

 private:
  const engine::StepType& type_;
  const engine::JsonText args_;
  const engine::JobId id_;
  TrialRecords records_;
  std::uint64_t calls_ = 0;
  engine::JsonText output_;  // of execute, once it has succeeded
  bool in_doubt_ = false;    // how the call before this one ended
};

}  // namespace stepd::workshop
