#pragma once

#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/rehearsal/record.hpp"
#include "storage/store.hpp"
#include "tests/support/chance.hpp"

namespace stepd::simulation {

using rehearsal::Record;

/// A promise was broken; the message says which rule and how.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// How often what came up, by what it is called.
using Sights = std::map<std::string_view, std::uint64_t>;

/// The world outside the host, which no crash touches: what steps did there, and what was promised
/// to those who asked. It judges what it sees against the promises, by the record on disk alone.
class World {
 public:
  explicit World(tests::Chance& chance) : chance_(chance) {}

  /// While it is calm, every call ends well.
  bool calm = false;

  void accepted(engine::JobId job, const std::string& key);
  /// What steps wait for.
  inline static const std::vector<std::string> event_keys{"k0", "k1"};
  /// The sender has been told that it is on record.
  void took_in_event(const std::string& id) { promised_events_.insert(id); }
  /// What must be true of the events on record, once every job has been judged.
  void judge_events(const std::vector<storage::EventLine>& kept) const;

  /// A rerun or an undo was answered with this job.
  void derived(engine::JobId origin, const engine::Verb& verb, engine::JobId job);
  /// A job on disk has started this one.
  void started(engine::JobId child) { promise(child); }
  /// It was deleted.
  void removed(engine::JobId job) {
    promised_.erase(job);
    removed_.insert(job);
  }
  /// The undo that this one goes on with; told once.
  [[nodiscard]] std::optional<engine::JobId> take_gone_on_with(engine::JobId undo);
  /// A call is about to run; `record` is its job as it is on disk, if it is.
  void starts(const engine::CallRequest& request, const Record* record);
  void stops(const engine::StopCall& stop);
  void overran(engine::CallId call);
  /// An operator's verb took effect, or may have: counts begin anew, or a person decided what is
  /// true.
  void operated(engine::JobId job, const engine::Verb& verb);
  /// The host is gone; what its calls did up to then stays done. Of `crashed` it is proven that it
  /// ended the host.
  void host_dies(std::optional<engine::CallId> crashed);

  /// Ends one of the calls that run, by chance.
  [[nodiscard]] std::optional<engine::CallReported> end_one();
  /// A report of a call that was over long ago, as it might come again, or another one.
  [[nodiscard]] std::optional<engine::CallReported> late_report();
  [[nodiscard]] const engine::CallRequest* any_running() const;

  /// What must be true of a job as it is on disk, whenever one looks.
  void judge(engine::JobId job, const Record& record);

  /// What a person finds who looks: the effect is there; a call goes on.
  [[nodiscard]] bool is_applied(engine::JobId job, engine::StepIndex step) const;
  [[nodiscard]] bool is_running(engine::JobId job, engine::StepIndex step) const;

  [[nodiscard]] const std::set<engine::JobId>& promised() const { return promised_; }
  Sights seen;

 private:
  struct Step {
    bool applied = false;  // its effect is there
    bool compensation_began = false;
    bool recorded_success = false;
    bool recorded_undone = false;
    std::optional<engine::CallId> running;
    std::map<engine::Phase, std::set<engine::CallId>> charged;  // since a count last began
  };
  struct Call {
    engine::CallRequest request;
    bool asked_to_stop = false;
    bool host_ends = false;           // in good order: that is why
    bool outlived_its_count = false;  // an operator had its job tried again meanwhile
  };
  using StepKey = std::pair<engine::JobId, engine::StepIndex>;

  /// Whose step it is: an undo goes back over those of another job.
  static StepKey key_of(const engine::CallRequest& request) {
    return {request.executed_in.value_or(request.id.job), request.step_index};
  }
  [[nodiscard]] StepKey key_of(engine::JobId job, engine::StepIndex step) const;
  void promise(engine::JobId job) {
    if (!removed_.contains(job)) promised_.insert(job);
  }
  void note_undo(engine::JobId undone, engine::JobId by);
  void judge_derived(const engine::CallRequest& request, const Record& record);
  void judge_start(const engine::CallRequest& request, const Record& record) const;
  void judge_attempts(const engine::CallRequest& request, const Record& record) const;
  void judge_way_forward(const engine::CallRequest& request, const Record& record) const;
  void judge_repeat(const engine::CallRequest& request, const Record& record) const;
  void judge_way_back(const engine::CallRequest& request, const Record& record) const;
  void judge_calls(engine::JobId job, const Record& record) const;
  [[nodiscard]] bool takes_over_from(engine::JobId other, const Record& record) const;
  void judge_pivot(engine::JobId job, const Record& record) const;
  void judge_settled(engine::JobId job, const Record& record) const;
  void note_start(const engine::CallRequest& request);
  void count_ending(const Record& record);
  [[nodiscard]] bool may_be_in_effect(const engine::CallRequest& request,
                                      const Record& record) const;
  [[nodiscard]] engine::OutcomeKind by_chance(const Call& call);
  [[nodiscard]] engine::OutcomeKind probed_by_chance(const Call& call);
  [[nodiscard]] engine::Wait wait_by_chance();
  void take_effect(const Call& call, engine::OutcomeKind kind);

  tests::Chance& chance_;
  std::set<engine::JobId> promised_;
  std::set<engine::JobId> removed_;
  std::uint64_t outputs_ = 0;  // each call that succeeds returns another one
  std::map<std::string, engine::JobId> keys_;
  std::map<std::pair<engine::JobId, std::string>, engine::JobId> derived_;  // by origin and request
  std::map<engine::JobId, engine::JobId> undone_;                           // by whom at last
  std::map<engine::JobId, engine::JobId> undoes_;                           // whom
  std::map<engine::JobId, engine::JobId> gone_on_with_;                     // with which undo
  std::set<engine::JobId> left_something_;
  std::map<engine::CallId, Call> running_;
  std::map<engine::CallId, engine::OutcomeKind> over_;
  std::set<engine::CallId> crashed_;
  std::map<StepKey, Step> steps_;
  // Jobs that an operator had tried again, each with the steps executed since.
  std::map<engine::JobId, std::set<engine::StepIndex>> tried_again_;
  std::set<std::pair<engine::JobId, std::string>> resolved_none_;  // by the step's id
  std::set<std::string> promised_events_;
  std::map<std::string, engine::JobId> taken_events_;  // by the journals
  std::set<engine::JobId> settled_;
};

}  // namespace stepd::simulation
