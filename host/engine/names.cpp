#include "host/engine/names.hpp"

#include <array>

namespace stepd::engine {

// Each of these is a switch without a default, so that a new enumerator does not compile until it
// has a word. A value beyond the enumerators cannot come in: the codec and the parsers refuse it.

std::string_view name_of(JobWord word) {
  switch (word) {
    case JobWord::prepared:
      return "prepared";
    case JobWord::queued:
      return "queued";
    case JobWord::running:
      return "running";
    case JobWord::waiting:
      return "waiting";
    case JobWord::paused:
      return "paused";
    case JobWord::parked:
      return "parked";
    case JobWord::compensating:
      return "compensating";
    case JobWord::succeeded:
      return "succeeded";
    case JobWord::compensated:
      return "compensated";
    case JobWord::failed:
      return "failed";
    case JobWord::cancelled:
      return "cancelled";
    case JobWord::discarded:
      return "discarded";
  }
  return "";
}

std::string_view name_of(Phase phase) {
  switch (phase) {
    case Phase::execute:
      return "execute";
    case Phase::probe:
      return "probe";
    case Phase::compensate:
      return "compensate";
  }
  return "";
}

std::string_view name_of(Effect effect) {
  switch (effect) {
    case Effect::none:
      return "none";
    case Effect::possible:
      return "possible";
    case Effect::done:
      return "done";
  }
  return "";
}

std::string_view name_of(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::succeeded:
      return "succeeded";
    case OutcomeKind::retry:
      return "retry";
    case OutcomeKind::refused:
      return "refused";
    case OutcomeKind::failed:
      return "failed";
    case OutcomeKind::suspended:
      return "suspended";
    case OutcomeKind::effect_unknown:
      return "effect_unknown";
    case OutcomeKind::timed_out:
      return "timed_out";
    case OutcomeKind::crashed:
      return "crashed";
    case OutcomeKind::lost:
      return "lost";
    case OutcomeKind::cancelled:
      return "cancelled";
    case OutcomeKind::no_effect:
      return "no_effect";
    case OutcomeKind::bad_answer:
      return "bad_answer";
    case OutcomeKind::not_started:
      return "not_started";
    case OutcomeKind::interrupted:
      return "interrupted";
  }
  return "";
}

std::string_view name_of(StopCause cause) {
  switch (cause) {
    case StopCause::timed_out:
      return "timed_out";
    case StopCause::silent:
      return "silent";
    case StopCause::abandon:
      return "abandon";
    case StopCause::cancel:
      return "cancel";
    case StopCause::turned_back:
      return "turned_back";
    case StopCause::shutdown:
      return "shutdown";
  }
  return "";
}

std::string_view name_of(ParkReason reason) {
  switch (reason) {
    case ParkReason::bad_answer:
      return "bad_answer";
    case ParkReason::crashes:
      return "crashes";
    case ParkReason::effect_in_doubt:
      return "effect_in_doubt";
    case ParkReason::past_pivot:
      return "past_pivot";
    case ParkReason::compensation_ended:
      return "compensation_ended";
    case ParkReason::not_stored:
      return "not_stored";
  }
  return "";
}

std::string_view name_of(AbandonReason reason) {
  switch (reason) {
    case AbandonReason::refused:
      return "refused";
    case AbandonReason::failed:
      return "failed";
    case AbandonReason::attempts_used_up:
      return "attempts_used_up";
    case AbandonReason::bad_arguments:
      return "bad_arguments";
    case AbandonReason::cancel:
      return "cancel";
    case AbandonReason::operator_verb:
      return "operator_verb";
    case AbandonReason::turned_back:
      return "turned_back";
  }
  return "";
}

std::string_view name_of(SettledState state) {
  switch (state) {
    case SettledState::succeeded:
      return "succeeded";
    case SettledState::compensated:
      return "compensated";
    case SettledState::failed:
      return "failed";
    case SettledState::cancelled:
      return "cancelled";
    case SettledState::discarded:
      return "discarded";
  }
  return "";
}

std::string_view name_of(StepKind kind) {
  switch (kind) {
    case StepKind::plain:
      return "plain";
    case StepKind::saga:
      return "saga";
  }
  return "";
}

std::string_view name_of(Pin pin) {
  switch (pin) {
    case Pin::compatible:
      return "compatible";
    case Pin::exact:
      return "exact";
    case Pin::latest:
      return "latest";
  }
  return "";
}

std::string_view name_of(Verb::Kind kind) {
  switch (kind) {
    case Verb::Kind::cancel:
      return "cancel";
    case Verb::Kind::retry:
      return "retry";
    case Verb::Kind::abandon:
      return "abandon";
    case Verb::Kind::skip:
      return "skip";
    case Verb::Kind::resolve:
      return "resolve";
    case Verb::Kind::pause:
      return "pause";
    case Verb::Kind::resume:
      return "resume";
    case Verb::Kind::remove:
      return "delete";  // the operators' word is a keyword here
    case Verb::Kind::rerun:
      return "rerun";
    case Verb::Kind::undo:
      return "undo";
    case Verb::Kind::priority:
      return "priority";
  }
  return "";
}

std::string_view name_of(Cause::Kind kind) {
  switch (kind) {
    case Cause::Kind::step_abandoned:
      return "step_abandoned";
    case Cause::Kind::cancel:
      return "cancel";
    case Cause::Kind::deadline:
      return "deadline";
    case Cause::Kind::undo:
      return "undo";
  }
  return "";
}

std::string_view name_of(Origin::Kind kind) {
  switch (kind) {
    case Origin::Kind::rerun:
      return "rerun";
    case Origin::Kind::undo:
      return "undo";
  }
  return "";
}

namespace {

struct ConditionName {
  std::string_view operator()(const Pending&) const { return "pending"; }
  std::string_view operator()(const Ready&) const { return "ready"; }
  std::string_view operator()(const Running&) const { return "running"; }
  std::string_view operator()(const Stopping&) const { return "stopping"; }
  std::string_view operator()(const Retrying&) const { return "retrying"; }
  std::string_view operator()(const Suspended&) const { return "suspended"; }
  std::string_view operator()(const Parked&) const { return "parked"; }
  std::string_view operator()(const Succeeded&) const { return "succeeded"; }
  std::string_view operator()(const Skipped&) const { return "skipped"; }
  std::string_view operator()(const Abandoned&) const { return "abandoned"; }
  std::string_view operator()(const Never&) const { return "never"; }
  std::string_view operator()(const Compensated&) const { return "compensated"; }
  std::string_view operator()(const Left&) const { return "left"; }
};

template <class Enum>
std::optional<Enum> parsed(std::string_view text, Enum last) {
  for (int value = 0; value <= static_cast<int>(last); ++value) {
    const auto candidate = static_cast<Enum>(value);
    if (name_of(candidate) == text) return candidate;
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(const StepCondition& condition) {
  return std::visit(ConditionName{}, condition);
}

std::optional<JobWord> parse_job_word(std::string_view text) {
  return parsed(text, JobWord::discarded);
}

std::optional<Pin> parse_pin(std::string_view text) { return parsed(text, Pin::latest); }

std::optional<Verb::Kind> parse_verb(std::string_view text) {
  return parsed(text, Verb::Kind::priority);
}

}  // namespace stepd::engine
