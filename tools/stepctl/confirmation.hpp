#pragma once

#include <string>

#include "tools/stepctl/output.hpp"

namespace stepd::stepctl {

/// What is about to be done for good.
struct Question {
  std::string fact;  // "37 jobs match"
  std::string what;  // "cancel 37 jobs"
  bool yes = false;  // --yes was said
};

/// Whether to go on: after --yes, or when the person at the terminal says so. Says what to do where
/// nobody can be asked.
[[nodiscard]] bool is_confirmed(Output& output, const Question& question);

}  // namespace stepd::stepctl
