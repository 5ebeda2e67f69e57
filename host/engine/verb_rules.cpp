#include <algorithm>

#include "host/engine/json_value.hpp"
#include "host/engine/names.hpp"
#include "host/engine/planted_bug.hpp"
#include "host/engine/reference.hpp"
#include "host/engine/request_id.hpp"
#include "host/engine/rules.hpp"

namespace stepd::engine {
namespace {

bool is_in_call(const StepState& step) {
  return std::holds_alternative<Running>(step.condition) ||
         std::holds_alternative<Stopping>(step.condition);
}

bool waits(const StepState& step) {
  return std::holds_alternative<Retrying>(step.condition) ||
         std::holds_alternative<Suspended>(step.condition) ||
         std::holds_alternative<Parked>(step.condition);
}

/// A later step, or the job's output, refers to what this step returns.
bool is_referred_to(const JobDefinition& definition, StepIndex step) {
  const std::string whole = "/steps/" + definition.steps[step].id;
  const std::string target = whole + "/output";
  const auto names_it = [&](const JsonText& expression) {
    if (expression.empty()) return false;
    const auto found = references_in(value_of(expression.view())).found;
    return std::ranges::any_of(found, [&](const Reference& reference) {
      return reference.target == whole || reference.target == target ||
             reference.target.starts_with(target + "/");
    });
  };
  return names_it(definition.output) ||
         std::ranges::any_of(definition.steps, [&](const StepDefinition& other) {
           return other.args_have_references && names_it(other.args);
         });
}

class VerbRules {
 public:
  VerbRules(const JobState& job, const Verb& verb) : job_(job), verb_(verb) {}

  Decision decision() && {
    const bool wants_another = verb_.kind == Verb::Kind::rerun || verb_.kind == Verb::Kind::undo;
    if (wants_another && !job_.settled) {
      return refuse("job " + to_text(job_.id) + " has not settled: only a settled job is " +
                    (verb_.kind == Verb::Kind::undo ? "undone" : "rerun") + "; " + until_settled() +
                    see());
    }
    const auto used = job_.request_ids.find(verb_.request_id);
    if (used != job_.request_ids.end()) {
      if (is_repeat(job_, used->second, verb_)) return Ignored{Ignored::Why::repeated_request};
      return request_taken(job_, used->second, verb_);
    }
    if (planted(PlantedBug::runs_settled_again) && job_.settled &&
        verb_.kind == Verb::Kind::retry) {
      begin_again(0);
      return std::move(entries_);
    }
    if (job_.settled) {
      return refuse("job " + to_text(job_.id) + " has settled (" +
                    std::string(name_of(*job_.settled)) +
                    ") and never changes any more; what runs it again or undoes it is a job of its "
                    "own: see stepctl job rerun --help and stepctl job undo --help");
    }
    switch (verb_.kind) {
      case Verb::Kind::cancel:
        return cancel();
      case Verb::Kind::pause:
        return pause();
      case Verb::Kind::resume:
        return resume();
      case Verb::Kind::retry:
        return retry();
      case Verb::Kind::abandon:
        return on_step(&VerbRules::abandon);
      case Verb::Kind::skip:
        return on_step(&VerbRules::skip);
      case Verb::Kind::resolve:
        return on_step(&VerbRules::resolve);
      case Verb::Kind::remove:
        return refuse("job " + to_text(job_.id) +
                      " has not settled: only settled jobs are deleted; " + until_settled() +
                      see());
      case Verb::Kind::rerun:
      case Verb::Kind::undo:
        break;  // of a settled job: another one is made (see derive)
      case Verb::Kind::priority:
        return priority();
    }
    return Ignored{};
  }

 private:
  Decision cancel() {
    if (job_.past_pivot) {
      return refuse(
          "job " + to_text(job_.id) +
          " is past its point of no return and can only go forward; if a step holds it up, "
          "retry, skip or resolve that (see: stepctl job why " +
          to_text(job_.id) + ")");
    }
    act(std::nullopt);
    if (job_.paused) entries_.push_back(Resumed{});
    if (job_.backward) return std::move(entries_);
    const Cause cause{
        Cause::Kind::cancel,
        0,
        {"cancelled", verb_.reason.empty() ? "an operator cancelled the job" : verb_.reason, {}}};
    turn_back_once_decided(entries_, job_, cause);
    return std::move(entries_);
  }

  Decision pause() {
    act(std::nullopt);
    if (!job_.paused) entries_.push_back(Paused{});
    return std::move(entries_);
  }

  Decision resume() {
    act(std::nullopt);
    if (job_.paused) entries_.push_back(Resumed{});
    return std::move(entries_);
  }

  Decision priority() {
    act(std::nullopt);
    if (job_.priority != verb_.priority) entries_.push_back(PriorityChanged{verb_.priority});
    return std::move(entries_);
  }

  Decision retry() {
    if (!verb_.step.empty()) return on_step(&VerbRules::retry_step);
    act(std::nullopt);
    bool found = false;
    for (const StepIndex step : job_.progress.active) {
      if (!waits(job_.steps[step])) continue;
      found = true;
      begin_again(step);
    }
    if (found) return std::move(entries_);
    return refuse("job " + to_text(job_.id) + " has no step that waits or is parked" + see());
  }

  Decision on_step(Decision (VerbRules::*rule)(StepIndex)) {
    const auto step = find_step(*job_.definition, verb_.step);
    if (!step) {
      return Refused{Refused::Why::not_found,
                     "job " + to_text(job_.id) + " has no step \"" + verb_.step + "\"" + see()};
    }
    if (is_in_call(job_.steps[*step]) && verb_.kind != Verb::Kind::abandon) {
      return refuse_step(*step, "is in the middle of a call; wait until it is over");
    }
    act(step);
    return (this->*rule)(*step);
  }

  Decision retry_step(StepIndex step) {
    if (!waits(job_.steps[step])) return refuse_step(step, "does not wait and is not parked");
    begin_again(step);
    return std::move(entries_);
  }

  Decision abandon(StepIndex step) {
    const StepState& state = job_.steps[step];
    if (job_.past_pivot) {
      return refuse_step(step, "cannot be abandoned: the job is past its point of no return");
    }
    if (!job_.progress.active.contains(step)) return refuse_step(step, "is not under way");
    if (const auto* running = std::get_if<Running>(&state.condition)) {
      entries_.push_back(moved(job_, step, Stopping{running->call, StopCause::abandon}));
      return std::move(entries_);
    }
    if (const auto* stopping = std::get_if<Stopping>(&state.condition)) {
      entries_.push_back(moved(job_, step, Stopping{stopping->call, StopCause::abandon}));
      return std::move(entries_);
    }
    const bool gives_up_undoing =
        state.phase == Phase::compensate || (state.phase == Phase::probe && job_.backward);
    if (state.phase == Phase::compensate && std::holds_alternative<Parked>(state.condition)) {
      return refuse_step(step,
                         "has been given up already; resolve it as undone once it is, skip it to "
                         "leave its effect, or retry it");
    }
    const Error error{"abandoned", verb_.reason, {}};
    if (gives_up_undoing) {
      const ParkReason reason = state.phase == Phase::compensate ? ParkReason::compensation_ended
                                                                 : ParkReason::effect_in_doubt;
      entries_.push_back(moved(job_, step, Parked{reason, error}));
      return std::move(entries_);
    }
    StepMoved as = moved(job_, step, Ready{});
    as.phase = Phase::execute;
    as.resuming = false;
    give_up(entries_, job_, {step, std::move(as), AbandonReason::operator_verb, error});
    return std::move(entries_);
  }

  Decision skip(StepIndex step) {
    const StepState& state = job_.steps[step];
    if (!job_.progress.active.contains(step)) {
      return refuse_step(step, "cannot be skipped: it does not wait and is not parked");
    }
    if (state.phase == Phase::compensate || job_.backward) {
      entries_.push_back(moved(job_, step, Left{}));
      return std::move(entries_);
    }
    if (job_.definition->steps[step].pivot && state.effect == Effect::possible) {
      return refuse_step(step, "is a pivot in doubt and cannot be skipped; resolve it");
    }
    if (auto refused = output_missing(step)) return *std::move(refused);
    StepMoved entry = moved(job_, step, Skipped{});
    entry.phase = Phase::execute;
    if (planted(PlantedBug::skip_forgets_effect)) entry.effect = Effect::none;
    entry.output = verb_.output;
    entries_.push_back(std::move(entry));
    return std::move(entries_);
  }

  Decision resolve(StepIndex step) {
    const StepState& state = job_.steps[step];
    if (!std::holds_alternative<Parked>(state.condition)) {
      return refuse_step(step,
                         "is not parked, so there is nothing to resolve, and what has become of it "
                         "shows when its call ends or it is parked");
    }
    if (state.phase == Phase::compensate) return resolve_compensation(step);
    if (verb_.truth == Verb::Truth::undone) {
      return refuse_step(step, "is not being compensated; resolve it with its output or as none");
    }
    if (verb_.truth == Verb::Truth::none) return resolve_none(step);
    if (auto refused = output_missing(step)) return *std::move(refused);
    StepMoved entry = moved(job_, step, Succeeded{});
    entry.phase = Phase::execute;
    entry.effect = Effect::done;
    entry.in_doubt = false;
    entry.output = verb_.output;
    entries_.push_back(std::move(entry));
    return std::move(entries_);
  }

  Decision resolve_compensation(StepIndex step) {
    if (verb_.truth != Verb::Truth::undone) {
      return refuse_step(step, "is being compensated; resolve it as undone, or skip it");
    }
    entries_.push_back(moved(job_, step, Compensated{}));
    return std::move(entries_);
  }

  Decision resolve_none(StepIndex step) {
    StepMoved as = moved(job_, step, Ready{});
    as.phase = Phase::execute;
    as.effect = Effect::none;
    as.in_doubt = false;
    as.resuming = false;
    if (job_.past_pivot) {
      entries_.push_back(std::move(as));
      return std::move(entries_);
    }
    const Error error{"resolved_none",
                      verb_.reason.empty() ? "an operator stated that the step "
                                             "took no effect"
                                           : verb_.reason,
                      {}};
    give_up(entries_, job_, {step, std::move(as), AbandonReason::operator_verb, error});
    return std::move(entries_);
  }

  void begin_again(StepIndex step) {
    // Parked on the way forward, though the job has turned back: its record was not taken (C3).
    if (job_.backward && job_.steps[step].phase == Phase::execute) {
      entries_.push_back(moved(job_, step, Abandoned{AbandonReason::turned_back, {}}));
      return;
    }
    unbind(entries_, job_, step);
    StepMoved entry = moved(job_, step, Ready{});
    entry.attempts = 0;
    entry.crashes_in_row = 0;
    entries_.push_back(std::move(entry));
  }

  std::optional<Decision> output_missing(StepIndex step) {
    if (!verb_.output.empty() || !job_.steps[step].output.empty()) return std::nullopt;
    if (!is_referred_to(*job_.definition, step)) return std::nullopt;
    return Refused{Refused::Why::invalid,
                   "step \"" + job_.definition->steps[step].id +
                       "\" needs an output, because a later step refers to it; give one "
                       "(--output JSON)"};
  }

  void act(std::optional<StepIndex> step) {
    entries_.push_back(OperatorActed{std::string(name_of(verb_.kind)), verb_.request_id,
                                     verb_.actor, verb_.reason, step, verb_.content});
  }

  [[nodiscard]] std::string until_settled() const {
    return may_turn_back(job_) ? "wait until it has, or cancel it" : "wait until it has";
  }
  [[nodiscard]] std::string see() const {
    return " (see: stepctl job show " + to_text(job_.id) + ")";
  }
  [[nodiscard]] Decision refuse(std::string message) const {
    return Refused{Refused::Why::wrong_state, std::move(message)};
  }
  [[nodiscard]] Decision refuse_step(StepIndex step, const std::string& fact) const {
    return refuse("step \"" + job_.definition->steps[step].id + "\" of job " + to_text(job_.id) +
                  " " + fact + "; it is " + std::string(name_of(job_.steps[step].condition)) +
                  see());
  }

  const JobState& job_;
  const Verb& verb_;
  Entries entries_;
};

}  // namespace

Decision verb_asked(const JobState& job, const Verb& verb) {
  return VerbRules{job, verb}.decision();
}

}  // namespace stepd::engine
