#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <stepd/nothing.hpp>
#include <string>
#include <variant>

/// How a step says that it did not succeed: it throws one of these. None is a std::exception, so
/// that `catch (const std::exception&)` in a step does not swallow its own answer. Anything else
/// that leaves a step means: it may work later.
///
/// `code` is for programs and stays the same, `message` is for people: the thing, the fact, the
/// remedy. `details` is anything that helps to understand it.
namespace stepd {

/// Will never work, and this call took no effect.
struct Refused {
  std::string code;
  std::string message;
  boost::json::object details{};
};

/// Will never work, and may have taken effect.
struct Failed {
  std::string code;
  std::string message;
  boost::json::object details{};
};

/// Did not work, may work later: like any other exception, but with a code.
struct Retry {
  std::string code;
  std::string message;
  boost::json::object details{};
};

/// Did not work, and there is no point in trying again before `delay` has passed.
struct RetryAfter {
  std::chrono::milliseconds delay{};
  std::string code;
  std::string message;
  boost::json::object details{};
};

/// May or may not have taken effect: nobody can tell from here. A probe may find out.
struct EffectUnknown {
  std::string code;
  std::string message;
  boost::json::object details{};
};

/// Stopped because it was asked to. Waiting functions of the context throw it.
struct Cancelled {};

/// What a probe answers: it took effect (and would have returned this), it took none, or nobody
/// knows yet.
template <class Output>
struct TookEffect {
  Valued<Output> output{};
};
struct TookNoEffect {};
struct StillUnknown {
  std::string message{};
};
template <class Output>
using ProbeAnswer = std::variant<TookEffect<Output>, TookNoEffect, StillUnknown>;

namespace detail {

/// The call is over for the host: leave at once, change nothing.
struct CallOver {};
/// The host knows what the step waits for: leave, to be called again.
struct Suspended {};

}  // namespace detail
}  // namespace stepd
