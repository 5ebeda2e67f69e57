#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

namespace stepd::testing {

enum class When { before, after };

/// A crash at one host call of a run, counted from 1 over all calls of the step in that run: before
/// the host did what it was asked, or after it did and before the step learnt of it.
struct CrashPoint {
  std::size_t host_call = 0;
  When when = When::before;

  [[nodiscard]] std::string replay() const {
    return "{" + std::to_string(host_call) +
           (when == When::before ? ", stepd::testing::When::before}"
                                 : ", stepd::testing::When::after}");
  }
};

/// How the step is made to stop at the crash point.
enum class CrashBy {
  /// The host call throws what no step should catch, so that nothing but destructors runs any more,
  /// as when a process dies. A step that goes on nevertheless has caught it, and that is reported.
  unwinding,
  /// The host call and all later ones answer STEPD_FENCED, as for a call that was replaced: for
  /// steps in C, which nothing can be thrown through. The code in between still runs.
  fencing
};

/// A step that does not bear a crash; the message says where, and how to see it again.
class NotCrashSafe : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace stepd::testing
