#include "host/rehearsal/path.hpp"

#include <array>

namespace stepd::rehearsal {

using namespace engine;

namespace {

constexpr std::uint32_t attempts_played_max = 100;
constexpr std::string_view all_well = "all_well";

constexpr std::array forward_mishaps{Mishap::refused,
                                     Mishap::failed,
                                     Mishap::exhausted,
                                     Mishap::timed_out,
                                     Mishap::crash_before_effect,
                                     Mishap::crash_after_effect,
                                     Mishap::unknown,
                                     Mishap::unknown_no_effect,
                                     Mishap::unknown_then_refused,
                                     Mishap::unknown_for_good,
                                     Mishap::cancelled,
                                     Mishap::cancelled_too_late,
                                     Mishap::deadline};
constexpr std::array back_mishaps{Mishap::retried,
                                  Mishap::refused,
                                  Mishap::exhausted,
                                  Mishap::timed_out,
                                  Mishap::crash_before_effect,
                                  Mishap::crash_after_effect,
                                  Mishap::unknown,
                                  Mishap::cancelled};

bool is_cancel(Mishap mishap) {
  return mishap == Mishap::cancelled || mishap == Mishap::cancelled_too_late;
}

/// How one call with this mishap goes.
Act act_of(Mishap mishap, bool has_timeout) {
  switch (mishap) {
    case Mishap::refused:
      return {.ends = OutcomeKind::refused, .takes_effect = false};
    case Mishap::failed:
      return {.ends = OutcomeKind::failed};
    case Mishap::exhausted:
      return {.ends = OutcomeKind::retry};
    case Mishap::retried:
      return {.ends = OutcomeKind::retry, .takes_effect = false};
    case Mishap::timed_out:
      return {.lasts = for_ever, .silent = !has_timeout};
    case Mishap::crash_before_effect:
      return {.takes_effect = false, .crashes = true};
    case Mishap::crash_after_effect:
      return {.crashes = true};
    case Mishap::unknown:
    case Mishap::unknown_then_refused:
    case Mishap::unknown_for_good:
      return {.ends = OutcomeKind::effect_unknown};
    case Mishap::unknown_no_effect:
      return {.ends = OutcomeKind::effect_unknown, .takes_effect = false};
    case Mishap::cancelled:
      return {};
    case Mishap::cancelled_too_late:
      return {.when_stopped = OutcomeKind::succeeded};
    case Mishap::deadline:
      return {};
  }
  return {};
}

}  // namespace

std::string_view name_of(Mishap mishap) {
  switch (mishap) {
    case Mishap::refused:
      return "refused";
    case Mishap::failed:
      return "failed";
    case Mishap::exhausted:
      return "exhausted";
    case Mishap::timed_out:
      return "timed_out";
    case Mishap::crash_before_effect:
      return "crash_before_effect";
    case Mishap::crash_after_effect:
      return "crash_after_effect";
    case Mishap::unknown:
      return "unknown";
    case Mishap::unknown_no_effect:
      return "unknown_no_effect";
    case Mishap::unknown_then_refused:
      return "unknown_then_refused";
    case Mishap::unknown_for_good:
      return "unknown_for_good";
    case Mishap::cancelled:
      return "cancelled";
    case Mishap::cancelled_too_late:
      return "cancelled_too_late";
    case Mishap::deadline:
      return "deadline";
    case Mishap::retried:
      return "retried";
  }
  return {};
}

Paths::Paths(const JobDefinition& job) : job_(job), graph_(job.steps), pivot_(pivot_of(job.steps)) {
  for (StepIndex step = 0; step < job.steps.size(); ++step) facts_.push_back(facts_of(step));
  all_.push_back({});
  for (StepIndex step = 0; step < job.steps.size(); ++step) find_forward(step);
  for (StepIndex step = 0; step < job.steps.size(); ++step) find_back(step);
}

Paths::Facts Paths::facts_of(StepIndex step) const {
  const StepTypeSnapshot& type = job_.steps[step].snapshot.value();
  Facts facts{.saga = type.kind == StepKind::saga,
              .pivot = pivot_ == step,
              .behind = pivot_ && graph_.precedes(*pivot_, step),
              .probe = type.offers_probe,
              .once = type.not_repeatable && !type.offers_probe,
              .timeout = type.timeout,
              .undo_attempts_max = type.compensate_retry.attempts_max};
  facts.attempts_max = facts.behind ? 0 : type.retry.attempts_max;
  facts.can_time_out = type.timeout != Duration::zero() || type.heartbeat != Duration::zero();
  facts.undo_can_time_out =
      type.compensate_timeout != Duration::zero() || type.heartbeat != Duration::zero();
  return facts;
}

void Paths::add(const Path& path) {
  const std::string why = why_not(path);
  if (why.empty()) {
    all_.push_back(path);
  } else {
    omitted_.push_back({name_of(path), why});
  }
}

void Paths::find_forward(StepIndex step) {
  for (const Mishap mishap : forward_mishaps) {
    if (mishap == Mishap::deadline && !job_.deadline) continue;
    add({.forward = Path::Turn{step, mishap}});
  }
}

void Paths::find_back(StepIndex step) {
  const auto turn = way_back_from(step);
  if (!turn) return;
  for (StepIndex undone = 0; undone < facts_.size(); ++undone) {
    const bool itself = undone == step && turn->mishap != Mishap::refused;
    const bool may_run = itself || (undone != step && !graph_.precedes(step, undone));
    if (!may_run || !facts_[undone].saga) continue;
    for (const Mishap mishap : back_mishaps) {
      const Path path{.forward = turn, .back = Path::Turn{undone, mishap}};
      if (why_not(path).empty()) all_.push_back(path);
    }
  }
}

/// What makes the job turn back at this step, with as much to undo as there can be.
std::optional<Path::Turn> Paths::way_back_from(StepIndex step) const {
  for (const Mishap mishap : {Mishap::failed, Mishap::refused}) {
    const bool leaves_effect = mishap == Mishap::failed && !facts_[step].saga;
    const Path::Turn turn{step, mishap};
    if (!leaves_effect && forward_end(turn) == End::turns_back) return turn;
  }
  return std::nullopt;
}

std::string Paths::why_not(const Path& path) const {
  if (path.forward) {
    std::string why = why_not_forward(*path.forward);
    if (!why.empty()) return why;
  }
  return path.back ? why_not_back(*path.back) : std::string{};
}

std::string Paths::why_not_forward(Path::Turn turn) const {
  const Facts& facts = facts_[turn.step];
  const bool is_endless = turn.mishap == Mishap::exhausted ||
                          turn.mishap == Mishap::unknown_for_good ||
                          (turn.mishap == Mishap::timed_out && facts.ends() && !facts.probe);
  if (turn.mishap == Mishap::timed_out && !facts.can_time_out) return "it has no time-out";
  const bool asks =
      turn.mishap == Mishap::unknown_no_effect || turn.mishap == Mishap::unknown_for_good;
  if (asks && !facts.probe) return "it has no probe";
  if (turn.mishap == Mishap::unknown_then_refused && (facts.probe || facts.once)) {
    return "it is not called again in doubt";
  }
  if (turn.mishap == Mishap::unknown_then_refused && facts.only_once()) {
    return "it has one attempt";
  }
  if (is_endless && !facts.ends()) {
    return facts.behind ? "behind the pivot it is tried until it succeeds"
                        : "its retry policy has no end";
  }
  if (is_endless && facts.attempts_max > attempts_played_max) {
    return "it has more than " + std::to_string(attempts_played_max) + " attempts";
  }
  if (is_cancel(turn.mishap) && facts.behind) return "behind the pivot a cancel is refused";
  if (turn.mishap == Mishap::cancelled_too_late && facts.pivot) {
    return "a pivot that runs is not asked to stop";
  }
  if (turn.mishap == Mishap::retried) return "it is a compensation's";
  if (turn.mishap != Mishap::deadline) return {};
  if (!job_.deadline) return "the job has no deadline";
  if (facts.behind) return "behind the pivot the deadline changes nothing";
  const bool earlier = facts.timeout != Duration::zero() && facts.timeout <= *job_.deadline;
  return earlier ? "its time-out comes first" : "";
}

std::string Paths::why_not_back(Path::Turn turn) const {
  const Facts& facts = facts_[turn.step];
  if (!facts.saga) return "it is a plain step and has no compensation";
  if (turn.mishap == Mishap::timed_out && !facts.undo_can_time_out) {
    return "its compensation has no time-out";
  }
  if (turn.mishap == Mishap::exhausted && facts.undo_attempts_max == 0) {
    return "its compensation is tried without end";
  }
  if (turn.mishap == Mishap::exhausted && facts.undo_attempts_max > attempts_played_max) {
    return "its compensation has more than " + std::to_string(attempts_played_max) + " attempts";
  }
  for (const Mishap known : back_mishaps) {
    if (turn.mishap == known) return {};
  }
  return "it is no compensation's";
}

std::string Paths::name_of(const Path& path) const {
  if (!path.forward) return std::string(all_well);
  std::string name = job_.steps[path.forward->step].id + ":" +
                     std::string(rehearsal::name_of(path.forward->mishap));
  if (path.back) {
    name += "," + job_.steps[path.back->step].id +
            ".compensate:" + std::string(rehearsal::name_of(path.back->mishap));
  }
  return name;
}

std::optional<Path> Paths::parse(std::string_view name) const {
  if (name == all_well) return Path{};
  for (StepIndex step = 0; step < facts_.size(); ++step) {
    if (!name.starts_with(job_.steps[step].id)) continue;
    for (const Mishap mishap : forward_mishaps) {
      const Path path{.forward = Path::Turn{step, mishap}};
      const std::string forward = name_of(path);
      if (name == forward) return path;
      if (!name.starts_with(forward + ",")) continue;
      if (auto whole = parse_back(path, name)) return whole;
    }
  }
  return std::nullopt;
}

std::optional<Path> Paths::parse_back(const Path& forward, std::string_view name) const {
  for (StepIndex step = 0; step < facts_.size(); ++step) {
    for (const Mishap mishap : back_mishaps) {
      const Path path{.forward = forward.forward, .back = Path::Turn{step, mishap}};
      if (name_of(path) == name) return path;
    }
  }
  return std::nullopt;
}

Part Paths::forward_part(Path::Turn turn) const {
  const Facts& facts = facts_[turn.step];
  Act act = act_of(turn.mishap, facts.timeout != Duration::zero());
  // A probe would find an effect that took place, and the step would be done.
  if (turn.mishap == Mishap::exhausted) act.takes_effect = !facts.probe;
  if (turn.mishap == Mishap::deadline) act.lasts = *job_.deadline + std::chrono::seconds(1);
  const bool each_time = turn.mishap == Mishap::exhausted ||
                         (turn.mishap == Mishap::timed_out && facts.ends() && !facts.probe);
  Part part{.acts = {std::move(act)}, .last_again = each_time};
  if (turn.mishap == Mishap::unknown_then_refused) {
    part.acts.push_back(act_of(Mishap::refused, true));
  }
  return part;
}

Moment Paths::cancelled_in(StepIndex step, Phase phase) const {
  return {.step = job_.steps[step].id,
          .state = "running",
          .phase = phase,
          .happens = Verb{.kind = Verb::Kind::cancel}};
}

Script Paths::script_of(const Path& path) const {
  Script script;
  if (path.forward) {
    const Path::Turn turn = *path.forward;
    script.parts[{turn.step, Phase::execute}] = forward_part(turn);
    if (turn.mishap == Mishap::unknown_for_good) {
      script.parts[{turn.step, Phase::probe}] = {{act_of(turn.mishap, true)}, true};
    }
    if (is_cancel(turn.mishap)) script.moments.push_back(cancelled_in(turn.step, Phase::execute));
  }
  if (path.back) {
    const Path::Turn turn = *path.back;
    const StepTypeSnapshot& type = job_.steps[turn.step].snapshot.value();
    Act act = act_of(turn.mishap, type.compensate_timeout != Duration::zero());
    const bool each_time = turn.mishap == Mishap::exhausted;
    if (each_time) act.takes_effect = false;
    script.parts[{turn.step, Phase::compensate}] = {{std::move(act)}, each_time};
    if (is_cancel(turn.mishap)) {
      script.moments.push_back(cancelled_in(turn.step, Phase::compensate));
    }
  }
  return script;
}

/// The step is given up, and its effect is possible.
End Paths::given_up(const Facts& facts, bool applied) const {
  if (facts.behind) return End::parks;
  if (!facts.pivot) return End::turns_back;
  if (facts.probe) return applied ? End::succeeds : End::turns_back;
  return facts.saga ? End::turns_back : End::parks;
}

End Paths::forward_end(Path::Turn turn) const {
  const Facts& facts = facts_[turn.step];
  switch (turn.mishap) {
    case Mishap::refused:
      return facts.behind ? End::parks : End::turns_back;
    case Mishap::failed:
    case Mishap::unknown_then_refused:
      return given_up(facts, true);
    case Mishap::exhausted:
      return facts.once ? End::parks : given_up(facts, !facts.probe);
    case Mishap::timed_out:
      if (facts.once) return End::parks;
      if (facts.only_once()) return given_up(facts, true);
      return facts.probe || !facts.ends() ? End::succeeds : given_up(facts, true);
    case Mishap::crash_before_effect:
    case Mishap::unknown_no_effect:
      if (facts.once) return End::parks;
      return facts.only_once() ? given_up(facts, false) : End::succeeds;
    case Mishap::crash_after_effect:
    case Mishap::unknown:
      if (facts.once) return End::parks;
      return facts.only_once() ? given_up(facts, true) : End::succeeds;
    case Mishap::unknown_for_good:
      return facts.only_once() && !facts.pivot && !facts.saga ? End::turns_back : End::parks;
    case Mishap::cancelled:
    case Mishap::cancelled_too_late:
    case Mishap::deadline:
      return facts.pivot ? End::succeeds : End::turns_back;
    case Mishap::retried:
      return End::succeeds;
  }
  return End::succeeds;
}

End Paths::end_of(const Path& path) const {
  if (!path.forward) return End::succeeds;
  return parked_by(path) ? End::parks : forward_end(*path.forward);
}

std::optional<StepIndex> Paths::parked_by(const Path& path) const {
  if (path.back) {
    const Mishap mishap = path.back->mishap;
    const bool is_last =
        facts_[path.back->step].undo_attempts_max == 1 && mishap != Mishap::cancelled;
    const bool given_up = mishap == Mishap::refused || mishap == Mishap::exhausted;
    if (given_up || is_last) return path.back->step;
  }
  if (path.forward && forward_end(*path.forward) == End::parks) return path.forward->step;
  return std::nullopt;
}

}  // namespace stepd::rehearsal
