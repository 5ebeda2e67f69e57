#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/rehearsal/script.hpp"

namespace stepd::rehearsal {

/// What the code of real steps answered, call by call, on one path; and what in that is not as
/// steps promise: that a repeat under the same key comes to the same, that a compensation ends well
/// whether its execute ran or not, that a probe tells the truth.
class CodeRecord {
 public:
  /// The code ran and answered so; an answer that was thrown away counts like any other.
  void note(const engine::CallRequest& request, const engine::Outcome& own, bool asked_to_stop);

  void note_refused_job(engine::StepIndex step) { starters_of_jobs_.insert(step); }

  /// Steps that would have started jobs.
  [[nodiscard]] const std::set<engine::StepIndex>& starters_of_jobs() const {
    return starters_of_jobs_;
  }
  /// Sentences; empty: every step did its part. Steps that would have started jobs could not, and
  /// what they answered is no fault of theirs; likewise of doubts.
  [[nodiscard]] std::vector<std::string> faults() const { return told(false); }
  /// The last that was heard of what may work later: a fault only where the job ended because of
  /// it.
  [[nodiscard]] std::vector<std::string> doubts() const { return told(true); }
  /// What is worth a look and breaks nothing; at most one for each step.
  [[nodiscard]] const std::map<engine::StepIndex, std::string>& remarks() const { return remarks_; }
  [[nodiscard]] std::uint64_t calls() const { return calls_; }
  /// One phase of a step was called so often that it will never end.
  [[nodiscard]] bool is_worn_out() const { return worn_out_; }

 private:
  struct Seen {
    std::uint32_t calls = 0;
    bool ended_well = false;
    engine::JsonText output{};  // of the first success
    std::string fault{};
    bool may_work_later = false;  // the fault
  };

  [[nodiscard]] bool was_called(engine::StepIndex step, engine::Phase phase) const;
  [[nodiscard]] bool ended_well(engine::StepIndex step, engine::Phase phase) const;
  void note_success(const engine::CallRequest& request, const engine::Outcome& own, Seen& seen);
  [[nodiscard]] std::vector<std::string> told(bool may_work_later) const;
  [[nodiscard]] std::string complaint(const engine::CallRequest& request, const Seen& seen) const;

  std::map<StepPhase, Seen> seen_;
  std::map<engine::StepIndex, std::string> remarks_;
  std::set<engine::StepIndex> starters_of_jobs_;
  std::uint64_t calls_ = 0;
  bool worn_out_ = false;
};

}  // namespace stepd::rehearsal
