#include "host/plugin/step_conduct.hpp"

namespace stepd::plugin {
namespace {

using engine::OutcomeKind;

/// Not an answer about the arguments, nor something that happened to the call from outside.
bool is_failure(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::retry:
    case OutcomeKind::failed:
    case OutcomeKind::effect_unknown:
    case OutcomeKind::timed_out:
    case OutcomeKind::crashed:
    case OutcomeKind::bad_answer:
      return true;
    case OutcomeKind::succeeded:
    case OutcomeKind::refused:
    case OutcomeKind::suspended:
    case OutcomeKind::lost:
    case OutcomeKind::cancelled:
    case OutcomeKind::no_effect:
    case OutcomeKind::not_started:
    case OutcomeKind::interrupted:
      return false;
  }
  return false;
}

}  // namespace

bool StepConduct::ended(OutcomeKind kind) {
  const bool succeeded = kind == OutcomeKind::succeeded || kind == OutcomeKind::suspended;
  if (!succeeded && !is_failure(kind)) return false;
  // Read first: the line stays shared between the threads that call.
  if (succeeded_last_ != succeeded) succeeded_last_ = succeeded;
  std::uint32_t left = calls_left_;
  while (left != 0) {
    const std::uint32_t next = succeeded ? 0 : left - 1;
    if (calls_left_.compare_exchange_weak(left, next)) return next == 0 && !succeeded;
  }
  return false;
}

}  // namespace stepd::plugin
