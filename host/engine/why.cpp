#include "host/engine/why.hpp"

#include <algorithm>

#include "host/engine/job_machine.hpp"
#include "host/engine/names.hpp"
#include "host/engine/rules.hpp"

namespace stepd::engine {
namespace {

std::string shown(const Error& error) {
  if (error.code.empty()) return error.message;
  return error.message.empty() ? error.code : error.code + ": " + error.message;
}

std::string what_it_does(Phase phase) {
  switch (phase) {
    case Phase::execute:
      return "run";
    case Phase::probe:
      return "be asked whether it took effect";
    case Phase::compensate:
      return "be compensated";
  }
  return "run";
}

/// "; 2 of 3 have", as far as they were counted.
std::string settled_of(std::span<const ChildCounts> children, StepIndex step) {
  const auto counts = std::ranges::find(children, step, &ChildCounts::step);
  if (counts == children.end()) return {};
  return "; " + std::to_string(counts->settled) + " of " + std::to_string(counts->spawned) +
         " have";
}

/// One answer for each condition a step can be in; steps at an end have none.
class StepReason {
 public:
  StepReason(const JobState& job, StepIndex step, const Catalogue& catalogue,
             std::span<const ChildCounts> children)
      : job_(job),
        index_(step),
        state_(job.steps[step]),
        catalogue_(catalogue),
        children_(children) {}

  Reason operator()(const Ready&) const {
    const std::string& type = job_.definition->steps[index_].type;
    switch (obstacle(job_, index_, catalogue_)) {
      case Obstacle::paused:
        return reason("paused", "the job is paused; resume it");
      case Obstacle::type_missing:
        if (!catalogue_.find(type)) {
          return reason("waiting_for_type", "waiting for step type " + type + version() +
                                                ": no loaded plugin provides it; put one that does "
                                                "into the plugins folder");
        }
        break;
      case Obstacle::version_unfit:
        return reason("waiting_for_version", "waiting for step type " + type + version() +
                                                 ": the loaded plugin provides version " +
                                                 std::to_string(catalogue_.find(type)->version) +
                                                 ", which does not take it over");
      case Obstacle::build_missing:
        return reason("waiting_for_build",
                      "waiting for the build of step type " + type + version() +
                          " that was loaded when the job was accepted (pin exact): it is not there "
                          "any more; put it into the plugins folder in place of the newer one, or "
                          "cancel the job and submit it anew");
      case Obstacle::none:
        break;
    }
    return reason("ready", "waits for a free slot to " + what_it_does(state_.phase));
  }
  Reason operator()(const Running& running) const {
    return reason("running", "call " + std::to_string(running.call) + ", attempt " +
                                 std::to_string(state_.attempts + 1) + ", is under way (" +
                                 std::string(name_of(state_.phase)) + ")");
  }
  Reason operator()(const Stopping& stopping) const {
    return reason("stopping", "call " + std::to_string(stopping.call) + " was asked to stop (" +
                                  std::string(name_of(stopping.cause)) +
                                  ") and has not returned yet; nothing follows before it has");
  }
  Reason operator()(const Retrying& retrying) const {
    const StepTypeSnapshot& type = known_snapshot(job_, index_);
    const RetryPolicy& policy = policy_of(type, state_.phase);
    const std::string of = policy.ends() ? " of " + std::to_string(policy.attempts_max) : "";
    return reason("retrying",
                  "attempt " + std::to_string(state_.attempts) + of + " failed (" +
                      shown(state_.last_error) + "); the next one is due",
                  retrying.due.at);
  }
  Reason operator()(const Suspended& suspended) const {
    const Wait& wait = suspended.wait;
    const auto until = wait.due ? std::optional(wait.due->at) : std::nullopt;
    if (wait.takes_event) {
      return reason("waiting_for_event",
                    "waits for event \"" + wait.key + "\" (stepctl event send " + wait.key + ")" +
                        (until ? ", at most until then" : ""),
                    until);
    }
    if (wait.children) {
      const bool for_all = wait.children->until == ChildWait::Until::all_settled;
      return reason("waiting_for_children",
                    std::string("waits until ") +
                        (for_all ? "all jobs that it started have settled"
                                 : "another job that it started has settled") +
                        settled_of(children_, index_) + " (stepctl job children " +
                        to_text(job_.id) + ")",
                    until);
    }
    return reason("suspended",
                  wait.key.empty() ? "suspended by itself until a time"
                                   : "sleeps (" + wait.key + ") until a time",
                  until);
  }
  Reason operator()(const Parked& parked) const {
    return reason("parked", "parked (" + std::string(name_of(parked.reason)) + ": " +
                                shown(parked.error) + "); an operator decides: stepctl job " +
                                (undoes()          ? "retry, skip, or resolve --undone"
                                 : job_.past_pivot ? "retry, skip or resolve"
                                                   : "retry, skip, resolve or abandon"));
  }
  Reason operator()(const Pending&) const { return nothing(); }
  Reason operator()(const Succeeded&) const { return nothing(); }
  Reason operator()(const Skipped&) const { return nothing(); }
  Reason operator()(const Abandoned&) const { return nothing(); }
  Reason operator()(const Never&) const { return nothing(); }
  Reason operator()(const Compensated&) const { return nothing(); }
  Reason operator()(const Left&) const { return nothing(); }

 private:
  [[nodiscard]] static Reason nothing() { return {}; }
  [[nodiscard]] bool undoes() const { return state_.phase == Phase::compensate; }

  [[nodiscard]] std::string version() const {
    const StepTypeSnapshot* known = snapshot(job_, index_);
    return known ? "@" + std::to_string(known->version) : "";
  }
  [[nodiscard]] Reason reason(std::string code, std::string message,
                              std::optional<TimePoint> until = std::nullopt) const {
    return {job_.definition->steps[index_].id, std::move(code), std::move(message), until};
  }

  const JobState& job_;
  StepIndex index_;
  const StepState& state_;
  const Catalogue& catalogue_;
  std::span<const ChildCounts> children_;
};

std::string shown(const JobState& job, const Cause& cause) {
  if (cause.kind == Cause::Kind::step_abandoned) {
    return "step " + job.definition->steps[cause.step].id + " was abandoned: " + shown(cause.error);
  }
  if (cause.kind == Cause::Kind::undo) {
    const auto undone = undone_job(*job.definition);
    const std::string of = undone ? "it undoes job " + to_text(*undone) : "it undoes another job";
    return cause.error.message.empty() ? of : of + ": " + cause.error.message;
  }
  return shown(cause.error);
}

void add_job_reasons(std::vector<Reason>& reasons, const JobState& job) {
  if (job.paused) reasons.push_back({"", "paused", "the job is paused; resume it", {}});
  if (job.backward && job.cause) {
    reasons.push_back(
        {"", "compensating", "the job goes backward because " + shown(job, *job.cause), {}});
  }
  if (job.cancel_wanted) {
    reasons.push_back(
        {"",
         "cancel_noted",
         "a cancel waits until its pivot is decided (" + shown(job, *job.cancel_wanted) + ")",
         {}});
  }
}

}  // namespace

std::vector<Reason> why(const JobState& job, const Catalogue& catalogue,
                        std::span<const ChildCounts> children) {
  std::vector<Reason> reasons;
  if (job.settled) {
    std::string because = job.cause ? " because " + shown(job, *job.cause) : "";
    reasons.push_back({"",
                       "settled",
                       "the job has settled: " + std::string(name_of(*job.settled)) + because,
                       {}});
    return reasons;
  }
  add_job_reasons(reasons, job);
  for (const StepIndex step : job.progress.active) {
    reasons.push_back(
        std::visit(StepReason{job, step, catalogue, children}, job.steps[step].condition));
  }
  for (StepIndex step = 0; step < job.steps.size() && job.progress.broods_open != 0; ++step) {
    const StepCondition& condition = job.steps[step].condition;
    if (!job.steps[step].children.open || std::holds_alternative<Suspended>(condition)) continue;
    reasons.push_back({job.definition->steps[step].id,
                       "children_open",
                       "jobs that the step started have not all settled, and the job does not "
                       "before they have" +
                           settled_of(children, step) + " (stepctl job children " +
                           to_text(job.id) + ")",
                       {}});
  }
  const auto& deadline = job.definition->deadline;
  if (deadline && !job.backward && !job.deadline_passed) {
    reasons.push_back({"", "deadline", "the job turns back if it has not succeeded by then",
                       job.accepted_at + *deadline});
  }
  if (reasons.empty()) reasons.push_back({"", "settling", "the job is about to settle", {}});
  return reasons;
}

JobWord word_of(const JobState& job) {
  if (job.settled) {
    switch (*job.settled) {
      case SettledState::succeeded:
        return JobWord::succeeded;
      case SettledState::compensated:
        return JobWord::compensated;
      case SettledState::failed:
        return JobWord::failed;
      case SettledState::cancelled:
        return JobWord::cancelled;
      case SettledState::discarded:
        return JobWord::discarded;
    }
  }
  if (job.paused) return JobWord::paused;
  bool parked = false;
  bool waiting = false;
  bool moving = false;
  for (const StepIndex step : job.progress.active) {
    const StepCondition& condition = job.steps[step].condition;
    parked = parked || std::holds_alternative<Parked>(condition);
    waiting = waiting || std::holds_alternative<Retrying>(condition) ||
              std::holds_alternative<Suspended>(condition);
    moving = moving || std::holds_alternative<Ready>(condition) ||
             std::holds_alternative<Running>(condition) ||
             std::holds_alternative<Stopping>(condition);
  }
  if (parked && !moving && !waiting) return JobWord::parked;
  if (job.backward) return JobWord::compensating;
  waiting = waiting || job.progress.broods_open != 0;
  if (moving) return job.calls == 0 ? JobWord::queued : JobWord::running;
  return waiting ? JobWord::waiting : JobWord::running;
}

JobWord word_of(const JobState& job, const JobHead& head) {
  const JobWord word = word_of(job);
  const bool is_idle = word == JobWord::queued || word == JobWord::running;
  const bool lacks_type = head.word == JobWord::waiting && !head.needs.empty();
  return is_idle && lacks_type ? JobWord::waiting : word;
}

}  // namespace stepd::engine
