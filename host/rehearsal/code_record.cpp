#include "host/rehearsal/code_record.hpp"

#include "host/engine/names.hpp"

namespace stepd::rehearsal {

using namespace engine;

namespace {

constexpr std::uint32_t phase_calls_max = 150;
constexpr std::size_t output_shown_max = 80;

std::string named(const CallRequest& request) { return "step \"" + request.step + "\""; }

std::string answer_text(const Outcome& own) {
  std::string text(name_of(own.kind));
  if (own.error.code.empty()) return text;
  return text + " (" + own.error.code + ": " + own.error.message + ")";
}

std::string shown(const JsonText& output) {
  const std::string& text = output.text();
  if (text.size() <= output_shown_max) return text;
  std::size_t end = output_shown_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "...";
}

bool may_work_later(OutcomeKind kind) {
  return kind == OutcomeKind::retry || kind == OutcomeKind::effect_unknown;
}

}  // namespace

bool CodeRecord::was_called(StepIndex step, Phase phase) const {
  return seen_.contains({step, phase});
}

bool CodeRecord::ended_well(StepIndex step, Phase phase) const {
  const auto found = seen_.find({step, phase});
  return found != seen_.end() && found->second.ended_well;
}

void CodeRecord::note(const CallRequest& request, const Outcome& own, bool asked_to_stop) {
  ++calls_;
  Seen& seen = seen_[{request.step_index, request.phase}];
  if (++seen.calls >= phase_calls_max && own.kind != OutcomeKind::succeeded) {
    worn_out_ = true;
    seen.fault = named(request) + " was called " + std::to_string(seen.calls) +
                 " times and has not ended: " + answer_text(own);
    seen.may_work_later = false;
    return;
  }
  if (own.kind == OutcomeKind::succeeded) return note_success(request, own, seen);
  if (own.kind == OutcomeKind::suspended) return;
  if (own.kind == OutcomeKind::no_effect) {
    if (!ended_well(request.step_index, Phase::execute)) return;
    seen.fault = named(request) + ": its probe says that it took no effect, and it had succeeded";
    seen.may_work_later = false;
    return;
  }
  const bool was_stopped = asked_to_stop && own.kind != OutcomeKind::bad_answer;
  if (was_stopped) return;
  if (!seen.fault.empty() && !seen.may_work_later) return;
  seen.fault = named(request) + ": " + complaint(request, seen) + ": " + answer_text(own);
  seen.may_work_later = may_work_later(own.kind);
}

void CodeRecord::note_success(const CallRequest& request, const Outcome& own, Seen& seen) {
  if (seen.may_work_later) seen.fault.clear();
  if (request.phase == Phase::probe && !was_called(request.step_index, Phase::execute)) {
    seen.fault = named(request) + ": its probe says that it took effect, and it was never called";
    seen.may_work_later = false;
  }
  const bool is_repeat = seen.ended_well && request.phase == Phase::execute;
  if (is_repeat && seen.output != own.output) {
    remarks_.emplace(request.step_index, named(request) +
                                             " returns something else when it is called again "
                                             "under the same key: " +
                                             shown(seen.output) + ", then " + shown(own.output));
  }
  if (!seen.ended_well) seen.output = own.output;
  seen.ended_well = true;
}

std::string CodeRecord::complaint(const CallRequest& request, const Seen& seen) const {
  switch (request.phase) {
    case Phase::execute:
      return seen.ended_well ? "called again under the same key it does not succeed"
                             : "it does not succeed";
    case Phase::probe:
      return "its probe does not find out";
    case Phase::compensate:
      if (seen.ended_well) return "compensated a second time it does not end well";
      return was_called(request.step_index, Phase::execute)
                 ? "its compensation does not end well"
                 : "its compensation does not end well where no execute ran";
  }
  return {};
}

std::vector<std::string> CodeRecord::told(bool may_work_later) const {
  std::vector<std::string> sentences;
  for (const auto& [where, seen] : seen_) {
    if (seen.fault.empty() || seen.may_work_later != may_work_later) continue;
    if (starters_of_jobs_.contains(where.step)) continue;
    sentences.push_back(seen.fault);
  }
  return sentences;
}

}  // namespace stepd::rehearsal
