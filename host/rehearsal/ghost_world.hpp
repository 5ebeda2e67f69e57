#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/rehearsal/record.hpp"
#include "host/rehearsal/script.hpp"

namespace stepd::rehearsal {

/// A step as the outside knows it.
struct GhostStep {
  bool applied = false;                      // its effect is there
  bool may_be_applied = false;               // as far as the host can know
  bool compensation_began = false;           // a call of it was started
  bool resumes = false;                      // its last call was not finished and was no failure
  std::uint32_t effects = 0;                 // how often its effect took place, repeats included
  std::optional<engine::JsonText> args{};    // of its first call
  std::optional<engine::JsonText> output{};  // of its execute, once that reported success
  std::array<std::uint32_t, 3> charged{};    // by phase, since an operator's retry
  bool running = false;
};

struct LiveCall {
  engine::CallRequest request{};
  Act act{};
  engine::SteadyPoint since{};
  std::optional<engine::StopCause> stopping{};
  bool overran = false;
  std::size_t saved = 0;  // of the act's saves, those on disk
};

/// What the script leaves to the step's own code in a call.
struct CodePart {
  bool runs = false;
  bool asked_to_stop = false;  // from its beginning
  bool answers = false;        // what it says is what the call reports; else the act's is
  bool crashes = false;        // the process is gone once it has run
};

/// What the steps of one job did outside, which no crash of the host touches, and the calls that
/// are under way. It does what the script says.
class GhostWorld {
 public:
  GhostWorld(std::size_t steps, const Script& script) : script_(script), steps_(steps) {}

  [[nodiscard]] const GhostStep& step(engine::StepIndex index) const { return steps_.at(index); }
  [[nodiscard]] std::size_t size() const { return steps_.size(); }
  /// Steps whose effect was there and was undone, in the order that happened.
  [[nodiscard]] const std::vector<engine::StepIndex>& undone() const { return undone_; }
  [[nodiscard]] const std::vector<engine::StepIndex>& compensations() const {
    return compensations_;  // the same, effect or not; a step once
  }
  [[nodiscard]] std::uint64_t calls() const { return calls_; }
  /// What success of the step's execute returns.
  [[nodiscard]] engine::JsonText output_of(engine::StepIndex index) const;

  void begin(engine::CallRequest request, const Record& record, engine::SteadyPoint now);
  void stop(const engine::StopCall& stop);
  /// Calls that the record says were begun, and does not say how they ended, are lost; some of them
  /// the world has never seen.
  void host_dies(const Record& record);
  /// A person undid it.
  void undone_by_hand(engine::StepIndex step) { undo(step); }
  void counts_anew(std::optional<engine::StepIndex> step);

  /// The call that ends next, if one can end by `now`; one that crashes the host comes last, when
  /// it runs alone.
  [[nodiscard]] LiveCall* next_to_end(engine::SteadyPoint now);
  /// A call that is over its time by `now` and has not been reported so.
  [[nodiscard]] LiveCall* overrunning(engine::SteadyPoint now);
  /// When a call ends or overruns that does not yet.
  [[nodiscard]] std::optional<engine::SteadyPoint> next_at() const;
  [[nodiscard]] bool any_running() const { return !live_.empty(); }

  /// Its effect, and what it reports.
  [[nodiscard]] engine::CallReported end(const engine::CallId& call, engine::Now now);
  /// Its effect; the process is gone.
  void crash(const engine::CallId& call);

  [[nodiscard]] CodePart code_part(const LiveCall& call) const;
  /// The same two, where its own code has run and answered so: its effect is what that says.
  [[nodiscard]] engine::CallReported end_after_code(const engine::CallId& call,
                                                    const CodePart& part, engine::Outcome own);
  void crash_after_code(const engine::CallId& call, const engine::Outcome& own);
  /// From here on every call goes well, as far as the script has to say.
  void no_more_mishaps() { mishaps_are_over_ = true; }

 private:
  struct Place {
    std::size_t at = 0;
    std::optional<std::uint64_t> played{};  // the last call
  };

  [[nodiscard]] Act act_at(StepPhase where, const Place& place) const;
  void take_effect(const LiveCall& call, engine::OutcomeKind kind);
  void note_code(const LiveCall& call, const engine::Outcome& own);
  void charge(const LiveCall& call, engine::OutcomeKind kind);
  void undo(engine::StepIndex index);
  [[nodiscard]] static std::optional<engine::SteadyPoint> overruns_at(const LiveCall& call);

  const Script& script_;
  std::vector<GhostStep> steps_;
  std::map<engine::CallId, LiveCall> live_;
  std::map<StepPhase, Place> places_;
  std::set<std::uint64_t> over_;  // ended or lost, and counted as such
  std::vector<engine::StepIndex> undone_;
  std::vector<engine::StepIndex> compensations_;
  std::uint64_t calls_ = 0;
  bool mishaps_are_over_ = false;
};

}  // namespace stepd::rehearsal
