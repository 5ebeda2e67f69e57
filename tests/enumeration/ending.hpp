#pragma once

#include <string>

#include "host/rehearsal/performance.hpp"

namespace stepd::enumeration {

/// What is promised of how a job ends, as text: wherever its host died on the way, it is the same.
///
/// A call that was lost with its host is charged, and leaves its step in doubt: how often a step
/// was called, what its attempts were and when things happened may differ. So may whether a step
/// that took no effect was compensated for want of knowing (then `failed` may read as
/// `compensated`). Nothing else may: the job's word and cause, what each step is at the end, its
/// output, arguments, checkpoint and memos, and what is left of it outside.
[[nodiscard]] std::string ending_of(const rehearsal::Played& played);

}  // namespace stepd::enumeration
