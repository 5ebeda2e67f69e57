#pragma once

#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
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
  /// A call is about to run; `record` is its job as it is on disk, if it is.
  void starts(const engine::CallRequest& request, const Record* record);
  void stops(engine::CallId call);
  void overran(engine::CallId call);
  /// An operator's verb took effect: counts begin anew, or a person decided what is true.
  void operated(engine::JobId job, engine::Verb::Kind verb);
  /// The host is gone; what its calls did up to then stays done.
  void host_dies();

  /// Ends one of the calls that run, by chance.
  [[nodiscard]] std::optional<engine::CallReported> end_one();
  /// A report of a call that was over long ago, as it might come again, or another one.
  [[nodiscard]] std::optional<engine::CallReported> late_report();
  [[nodiscard]] std::optional<engine::CallId> any_running() const;

  /// What must be true of a job as it is on disk, whenever one looks.
  void judge(engine::JobId job, const Record& record);

  [[nodiscard]] const std::set<engine::JobId>& promised() const { return promised_; }

 private:
  struct Step {
    bool applied = false;  // its effect is there
    bool compensation_began = false;
    bool recorded_success = false;
    std::optional<engine::CallId> running;
    std::map<engine::Phase, std::uint32_t> charged;  // since a count last began
  };
  struct Call {
    engine::CallRequest request;
    bool asked_to_stop = false;
    bool overran = false;
  };
  using StepKey = std::pair<engine::JobId, engine::StepIndex>;

  /// Whose step it is: an undo goes back over those of another job.
  static StepKey key_of(const engine::CallRequest& request) {
    return {request.executed_in.value_or(request.id.job), request.step_index};
  }
  void judge_derived(const engine::CallRequest& request, const Record& record);
  void judge_start(const engine::CallRequest& request, const Record& record) const;
  void judge_way_back(const engine::CallRequest& request, const Record& record) const;
  void judge_settled(engine::JobId job, const Record& record) const;
  [[nodiscard]] engine::OutcomeKind by_chance(const Call& call);
  [[nodiscard]] engine::Wait wait_by_chance();
  void take_effect(const Call& call, engine::OutcomeKind kind);

  tests::Chance& chance_;
  std::set<engine::JobId> promised_;
  std::map<std::string, engine::JobId> keys_;
  std::map<std::pair<engine::JobId, std::string>, engine::JobId> derived_;  // by origin and request
  std::map<engine::JobId, engine::JobId> undone_;                           // by whom
  std::map<engine::CallId, Call> running_;
  std::map<engine::CallId, engine::OutcomeKind> over_;
  std::map<StepKey, Step> steps_;
  std::set<engine::JobId> decided_by_operator_;
  std::set<std::string> promised_events_;
  std::map<std::string, engine::JobId> taken_events_;  // by the journals
  std::set<engine::JobId> settled_;
};

}  // namespace stepd::simulation
