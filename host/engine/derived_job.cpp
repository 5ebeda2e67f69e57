#include "host/engine/derived_job.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "host/engine/names.hpp"
#include "host/engine/planted_bug.hpp"
#include "host/engine/request_id.hpp"
#include "host/engine/rules.hpp"

namespace stepd::engine {
namespace {

/// What succeeded and stands: a plain step stands though its job has turned back.
bool is_kept(const StepState& step) {
  return std::holds_alternative<Succeeded>(step.condition) ||
         std::holds_alternative<Skipped>(step.condition);
}

bool is_left(const StepState& step) { return std::holds_alternative<Left>(step.condition); }

class Deriving {
 public:
  Deriving(const JobState& origin, const Verb& verb)
      : job_(origin), old_(*origin.definition), verb_(verb) {
    const auto kind = verb.kind == Verb::Kind::undo ? Origin::Kind::undo : Origin::Kind::rerun;
    made_.definition = old_;
    made_.definition.key.clear();
    // Whoever started the old one has its answer. What is left of that job's deadline bounds it no
    // more, and which part of its own was inherited is not known.
    if (made_.definition.parent) made_.definition.deadline.reset();
    made_.definition.parent.reset();
    made_.definition.priority = origin.priority;
    made_.definition.origin = Origin{.kind = kind, .job = origin.id, .from = verb.step};
    made_.derivation = {
        .origin = origin.id, .kind = kind, .request_id = verb.request_id, .content = verb.content};
  }

  std::variant<DerivedJob, Refused> outcome() && {
    const auto used = job_.request_ids.find(verb_.request_id);
    if (used != job_.request_ids.end()) {
      if (old_.origin && used->second.verb == name_of(verb_.kind)) return refuse_own_maker();
      return request_taken(job_, used->second, verb_);
    }
    if (undone_job(old_)) return verb_.kind == Verb::Kind::undo ? refuse_undo() : go_on();
    return verb_.kind == Verb::Kind::undo ? undo() : rerun();
  }

 private:
  using Made = std::variant<DerivedJob, Refused>;

  Made rerun() {
    std::optional<StepIndex> from;
    if (!verb_.step.empty()) {
      from = find_step(old_, verb_.step);
      if (!from) {
        return Refused{Refused::Why::not_found,
                       "job " + to_text(job_.id) + " has no step \"" + verb_.step + "\"" + see()};
      }
      if (const auto missing = not_kept_before(*from)) return refuse_keeping(*missing);
    }
    begin(from);
    if (from) keep_all_but(running_again(*from));
    return std::move(made_);
  }

  Made undo() {
    if (job_.settled != SettledState::succeeded) {
      return refuse("did not succeed (it is " + std::string(name_of(*job_.settled)) +
                    "), and only what succeeded is undone" + see());
    }
    for (StepIndex step = 0; step < job_.steps.size(); ++step) {
      const bool undoable = needs_compensation(job_, step);
      if (!old_.steps[step].pivot || undoable || job_.steps[step].effect == Effect::none) continue;
      return refuse("cannot be undone: its point of no return, step \"" + old_.steps[step].id +
                    "\", has no compensation");
    }
    if (!has_anything_to_undo(job_)) {
      return refuse("has nothing to undo: no step of it with a compensation took effect" + see());
    }
    made_.definition.deadline.reset();  // it bounds the way forward
    begin(std::nullopt);
    for (StepIndex step = 0; step < job_.steps.size(); ++step) {
      take_over(step, job_.steps[step].effect);
    }
    return turned_back();
  }

  /// With an undo that failed, because something was left.
  Made go_on() {
    if (!verb_.step.empty()) {
      return Refused{Refused::Why::invalid,
                     "job " + to_text(job_.id) +
                         " undoes another, and the order of that is given: rerun it whole"};
    }
    const JobId undone = *undone_job(old_);
    if (std::ranges::none_of(job_.steps, is_left)) {
      return refuse("undoes job " + to_text(undone) + " and has left nothing to go on with" +
                    see());
    }
    made_.definition.origin = old_.origin;
    made_.definition.origin->kept.clear();
    made_.derivation.kind = Origin::Kind::undo;
    made_.derivation.relies_on = {undone};
    made_.derivation.goes_on = true;
    begin(std::nullopt);
    for (StepIndex step = 0; step < job_.steps.size(); ++step) {
      const StepState& old = job_.steps[step];
      if (is_left(old) || planted(PlantedBug::undoes_again)) {
        take_up_again(step);
        continue;
      }
      take_over(step, old.effect);
      if (!std::holds_alternative<Compensated>(old.condition)) continue;
      made_.definition.origin->kept.push_back({step, source_of(step)});
    }
    return turned_back();
  }

  Made turned_back() {
    made_.first_row.push_back(TurnedBack{{Cause::Kind::undo, 0, {"undo", verb_.reason, {}}}});
    return std::move(made_);
  }

  /// As it stood before the undo began with it, but for what that one has found out and waited for.
  void take_up_again(StepIndex step) {
    const StepState& old = job_.steps[step];
    StepCondition before = Skipped{};
    if (old.effect == Effect::done) before = Succeeded{};
    take_over(step, old.effect, before);
    for (const EndedWait& wait : old.ended_waits) {
      if (wait.phase == Phase::compensate) made_.first_row.push_back(WaitEnded{step, wait});
    }
  }

  /// The types are those the old job ran with, also of steps whose plugin came later (J2).
  void begin(std::optional<StepIndex> from) {
    made_.first_row = {
        Submitted{}, OperatorActed{std::string(name_of(verb_.kind)), verb_.request_id, verb_.actor,
                                   verb_.reason, from, verb_.content}};
    for (const auto& [step, snapshot] : job_.late_snapshots) {
      made_.first_row.push_back(SnapshotCompleted{step, snapshot});
    }
  }

  void take_over(StepIndex step, Effect effect) {
    take_over(step, effect, job_.steps[step].condition);
  }
  void take_over(StepIndex step, Effect effect, const StepCondition& condition) {
    const StepState& old = job_.steps[step];
    const StepDefinition& definition = old_.steps[step];
    // Also where they equal what was sent: they are not worked out again for a compensation (J7).
    const bool was_resolved = definition.args_have_references || !definition.snapshot;
    if (was_resolved && old.last_call != 0) {
      made_.first_row.push_back(ArgumentsResolved{step, args_of(job_, step)});
    } else if (!old.args.empty()) {
      made_.first_row.push_back(ArgumentsResolved{step, old.args});
    }
    made_.first_row.push_back(
        StepMoved{.step = step, .effect = effect, .to = condition, .output = old.output});
    const bool to_undo = effect != Effect::none && old.bound_to != ModuleHash{};
    if (to_undo) made_.first_row.push_back(BuildBound{step, old.bound_to});
  }

  void keep_all_but(const std::vector<bool>& again) {
    Origin& origin = *made_.definition.origin;
    for (StepIndex step = 0; step < job_.steps.size(); ++step) {
      if (again[step]) continue;
      const bool bug = planted(PlantedBug::undoes_what_was_kept);
      take_over(step, bug ? job_.steps[step].effect : Effect::none);
      const JobId source = source_of(step);
      origin.kept.push_back({step, source});
      auto& sources = made_.derivation.relies_on;
      if (std::ranges::find(sources, source) == sources.end()) sources.push_back(source);
    }
  }

  /// The job that ran the step, if this one only kept its outcome.
  [[nodiscard]] JobId source_of(StepIndex step) const {
    if (!old_.origin) return job_.id;
    const auto kept = std::ranges::find(old_.origin->kept, step, &KeptStep::step);
    return kept == old_.origin->kept.end() ? job_.id : kept->job;
  }

  [[nodiscard]] std::optional<StepIndex> not_kept_before(StepIndex from) const {
    std::vector<bool> seen(job_.steps.size(), false);
    std::vector<StepIndex> to_look_at{from};
    while (!to_look_at.empty()) {
      const StepIndex step = to_look_at.back();
      to_look_at.pop_back();
      for (const StepIndex before : old_.steps[step].after) {
        if (seen[before]) continue;
        seen[before] = true;
        if (!is_kept(job_.steps[before])) return before;
        to_look_at.push_back(before);
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] std::vector<bool> running_again(StepIndex from) const {
    std::vector<bool> again(job_.steps.size(), false);
    std::vector<StepIndex> to_look_at{from};
    for (StepIndex step = 0; step < job_.steps.size(); ++step) {
      if (!is_kept(job_.steps[step])) to_look_at.push_back(step);
    }
    while (!to_look_at.empty()) {
      const StepIndex step = to_look_at.back();
      to_look_at.pop_back();
      if (again[step]) continue;
      again[step] = true;
      for (const StepIndex next : successors_of(job_.progress, step)) to_look_at.push_back(next);
    }
    return again;
  }

  [[nodiscard]] std::string see() const {
    return " (see: stepctl job show " + to_text(job_.id) + ")";
  }
  [[nodiscard]] Refused refuse(const std::string& fact) const {
    return {Refused::Why::wrong_state, "job " + to_text(job_.id) + " " + fact};
  }
  /// The request that has made this very job is asked of it, too: it would have its effect again.
  [[nodiscard]] Refused refuse_own_maker() const {
    return {Refused::Why::request_taken, "the request id \"" + verb_.request_id +
                                             "\" has made job " + to_text(job_.id) +
                                             " itself: give each request its own"};
  }
  [[nodiscard]] Refused refuse_undo() const {
    const std::string job = to_text(job_.id);
    const bool left_some = std::ranges::any_of(job_.steps, is_left);
    return refuse("undoes job " + to_text(*undone_job(old_)) + ", so it is not undone itself; " +
                  (left_some ? "to undo what it left, rerun it (stepctl job rerun " + job + ")"
                             : "to do it again, rerun that one"));
  }
  [[nodiscard]] Refused refuse_keeping(StepIndex step) const {
    const bool undone = std::holds_alternative<Compensated>(job_.steps[step].condition);
    return refuse("cannot be rerun from step \"" + verb_.step + "\": step \"" +
                  old_.steps[step].id + "\" comes before it and " +
                  (undone ? "was undone"
                          : "did not succeed (it is " +
                                std::string(name_of(job_.steps[step].condition)) + ")") +
                  "; rerun it from there, or whole");
  }

  const JobState& job_;
  const JobDefinition& old_;
  const Verb& verb_;
  DerivedJob made_;
};

}  // namespace

bool has_anything_to_undo(const JobState& job) {
  for (StepIndex step = 0; step < job.steps.size(); ++step) {
    if (needs_compensation(job, step)) return true;
  }
  return false;
}

std::variant<DerivedJob, Refused> derive(const JobState& origin, const Verb& verb) {
  return Deriving{origin, verb}.outcome();
}

}  // namespace stepd::engine
