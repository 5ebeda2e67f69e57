#pragma once

#include <stepd/plugin.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <stepd/json_reader.hpp>
#include <string>
#include <string_view>

namespace stepd::testing {

/// How a call of a step ended.
enum class Outcome : std::int32_t {
  succeeded = STEPD_SUCCEEDED,
  retry = STEPD_RETRY,
  refused = STEPD_REFUSED,
  failed = STEPD_FAILED,
  suspended = STEPD_SUSPENDED,
  effect_unknown = STEPD_EFFECT_UNKNOWN,
  cancelled = STEPD_CANCELLED,
  no_effect = STEPD_NO_EFFECT,
  killed = -1,     // by a crash the test asked for
  bad_answer = -2  // a value no host knows, or a success whose output no host takes
};

[[nodiscard]] constexpr std::string_view word_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::succeeded:
      return "succeeded";
    case Outcome::retry:
      return "retry";
    case Outcome::refused:
      return "refused";
    case Outcome::failed:
      return "failed";
    case Outcome::suspended:
      return "suspended";
    case Outcome::effect_unknown:
      return "effect_unknown";
    case Outcome::cancelled:
      return "cancelled";
    case Outcome::no_effect:
      return "no_effect";
    case Outcome::killed:
      return "killed";
    case Outcome::bad_answer:
      return "bad_answer";
  }
  return "bad_answer";
}

/// Everything a call answered.
struct Ending {
  Outcome outcome = Outcome::bad_answer;
  std::optional<std::string> output{};  // JSON; only of a success
  std::string code{};                   // of the error, as are the next three
  std::string message{};
  std::string details{};  // JSON or empty
  std::optional<std::chrono::milliseconds> retry_after{};
  std::optional<std::chrono::sys_time<std::chrono::milliseconds>> suspended_until{};
  std::string waits_for{};   // the key of the event, or the name of the sleep, it is suspended for
  bool takes_event = false;  // it is an event
  std::optional<std::uint32_t> waits_for_children{};  // that more than so many have settled

  template <class T>
  [[nodiscard]] T output_as() const {
    if (!output) throw BadValue({}, "is missing: " + sentence());
    return detail::JsonReader(detail::rules_of_earlier_output).from_text<T>(*output);
  }

  [[nodiscard]] std::string sentence() const {
    std::string text(word_of(outcome));
    if (output) return text + " " + *output;
    if (!code.empty()) text += " " + code;
    if (!message.empty()) text += ": " + message;
    return text;
  }

  /// The same answer: messages may differ, they tell of attempts and times.
  [[nodiscard]] bool answers_as(const Ending& other) const {
    if (outcome != other.outcome || code != other.code) return false;
    if (!output || !other.output) return output.has_value() == other.output.has_value();
    return boost::json::parse(*output) == boost::json::parse(*other.output);
  }
};

}  // namespace stepd::testing
