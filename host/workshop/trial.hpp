#pragma once

#include <boost/json/object.hpp>
#include <memory>
#include <optional>
#include <string>

#include "host/workshop/conduct_arguments.hpp"
#include "host/workshop/finding.hpp"
#include "host/workshop/host_tricks.hpp"
#include "host/workshop/trial_process.hpp"

namespace stepd::workshop {

/// One step type of one file, and how it is called by the checks of its conduct. One thread, but
/// for `call`, which is any thread's.
class Trial final {
 public:
  struct Subject {
    const ModuleCopy& module;  // borrowed; likewise below
    const engine::StepType& type;
    std::string configuration;
    boost::json::object example;  // arguments
  };
  explicit Trial(Subject subject) : subject_(std::move(subject)) {}

  [[nodiscard]] const engine::StepType& type() const { return subject_.type; }
  [[nodiscard]] const boost::json::object& example() const { return subject_.example; }
  [[nodiscard]] bool is_saga() const { return type().kind == engine::StepKind::saga; }

  /// A process of the plugin. Throws std::runtime_error when it does not start.
  [[nodiscard]] std::unique_ptr<TrialProcess> start(const HostTricks& tricks = {}) const;
  /// A job with the example arguments.
  [[nodiscard]] std::unique_ptr<TrialJob> job() const;
  [[nodiscard]] std::unique_ptr<TrialJob> job_with(std::string args) const;

  /// One call, which is asked to stop when it takes too long.
  [[nodiscard]] static CallEnd call(TrialProcess& process, TrialJob& job, engine::Phase phase);
  /// Called again while it asks for another attempt, a few times.
  [[nodiscard]] static CallEnd settle(TrialProcess& process, TrialJob& job, engine::Phase phase);
  /// Of a saga step: undoes what the job may have done, as well as it can be.
  void undo(std::unique_ptr<TrialProcess>& process, TrialJob& job) const;

  /// How a call with the example arguments ends, in a process of its own; made once.
  [[nodiscard]] const CallEnd& plain();
  /// Nothing: with the example arguments the step succeeds or waits, soon. Else why a check that
  /// builds on it cannot be made.
  [[nodiscard]] std::optional<Finding> why_not_plain();

  static constexpr std::chrono::milliseconds call_max = std::chrono::seconds(10);

 private:
  const Subject subject_;
  std::optional<CallEnd> plain_;
};

/// What no call may come to: its process ended, or it answered what a host cannot take. Nothing: it
/// ended as calls do.
[[nodiscard]] std::optional<Finding> fault_of(const CallEnd& end);
/// "succeeded", "refused: no_account: there is no account 7"
[[nodiscard]] std::string words_of(const engine::Outcome& outcome);

}  // namespace stepd::workshop
