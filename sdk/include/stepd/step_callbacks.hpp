#pragma once

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <stepd/context.hpp>
#include <stepd/defaults.hpp>
#include <stepd/json_reader.hpp>
#include <stepd/json_writer.hpp>
#include <stepd/outcome.hpp>
#include <stepd/step.hpp>
#include <stepd/text.hpp>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

/// Between the C callbacks of the ABI and the functions of a step class: typed values in, typed
/// values out, and no exception passes.
namespace stepd::detail {

struct ErrorReport {
  std::string_view code;
  std::string_view message;
  const boost::json::object* details = nullptr;
  std::int64_t retry_after_ms = -1;
};

inline void report(stepd_context& call, const ErrorReport& error) noexcept {
  try {
    const auto details = error.details == nullptr || error.details->empty()
                             ? std::string()
                             : boost::json::serialize(*error.details);
    const stepd_error copy{sizeof(stepd_error),
                           0,
                           borrowed(error.code),
                           borrowed(error.message),
                           details.empty() ? stepd_str{nullptr, 0} : borrowed(details),
                           error.retry_after_ms};
    static_cast<void>(call.host->set_error(&call, &copy));
  } catch (const CallOver&) {
    // Only a rehearsal's host throws; it has stopped listening.
  } catch (const std::exception&) {
    const stepd_error copy{sizeof(stepd_error),     0,  borrowed(error.code),
                           borrowed(error.message), {}, error.retry_after_ms};
    static_cast<void>(call.host->set_error(&call, &copy));
  }
}

/// What an answer thrown by a probe means: nothing is known yet, whatever it says of the future.
[[nodiscard]] inline stepd_outcome in_phase(Phase phase, stepd_outcome outcome) noexcept {
  const bool says_for_good = outcome == STEPD_REFUSED || outcome == STEPD_FAILED;
  return phase == Phase::probe && says_for_good ? STEPD_EFFECT_UNKNOWN : outcome;
}

/// Turns whatever is being thrown into an answer. Called in a catch block only.
[[nodiscard]] inline stepd_outcome answer_of_exception(stepd_context& call, Phase phase) noexcept {
  try {
    throw;
  } catch (const CallOver&) {
    return STEPD_CANCELLED;
  } catch (const Cancelled&) {
    return STEPD_CANCELLED;
  } catch (const Suspended&) {
    return STEPD_SUSPENDED;
  } catch (const Refused& error) {
    report(call, {error.code, error.message, &error.details});
    return in_phase(phase, STEPD_REFUSED);
  } catch (const Failed& error) {
    report(call, {error.code, error.message, &error.details});
    return in_phase(phase, STEPD_FAILED);
  } catch (const Retry& error) {
    report(call, {error.code, error.message, &error.details});
    return STEPD_RETRY;
  } catch (const RetryAfter& error) {
    report(call, {error.code, error.message, &error.details, error.delay.count()});
    return STEPD_RETRY;
  } catch (const EffectUnknown& error) {
    report(call, {error.code, error.message, &error.details});
    return STEPD_EFFECT_UNKNOWN;
  } catch (const BadValue& error) {
    report(call, {"bad_value", error.what()});
    return in_phase(phase, STEPD_FAILED);
  } catch (const std::exception& error) {
    report(call, {"exception", error.what()});
    return STEPD_RETRY;
  } catch (...) {
    report(call, {"exception", "the step threw something that is no std::exception"});
    return STEPD_RETRY;
  }
}

template <Phase phase, class Body>
[[nodiscard]] stepd_outcome answer_of(stepd_context& call, Body&& body) noexcept {
  try {
    Context context(call);
    return body(context);
  } catch (...) {
    return answer_of_exception(call, phase);
  }
}

/// How a step type takes over steps that were recorded under an earlier version of it.
struct Migration {
  std::uint32_t version = 1;  // of today
  std::function<boost::json::object(std::uint32_t recorded, boost::json::object arguments)>
      arguments{};
};

/// The arguments as a step of today's version would have them; nothing: as they are recorded.
[[nodiscard]] inline std::optional<std::string> migrated(stepd_context& call,
                                                         const Migration& migration) {
  if (!migration.arguments) return std::nullopt;
  const std::uint32_t version = call.host->call(&call)->step_version;
  if (version >= migration.version) return std::nullopt;
  const auto recorded = boost::json::parse(text_of(call.host->args_json(&call)));
  return boost::json::serialize(migration.arguments(version, recorded.as_object()));
}

template <class Arguments>
[[nodiscard]] Arguments arguments_of(stepd_context& call, const Defaults& defaults,
                                     const Migration& migration) {
  const auto todays = migrated(call, migration);
  try {
    return JsonReader(rules_of_arguments(defaults))
        .from_text<Arguments>(todays ? std::string_view(*todays)
                                     : text_of(call.host->args_json(&call)));
  } catch (const BadValue& error) {
    throw Refused{"bad_arguments", error.what()};
  }
}

/// Hands the output over. One that cannot be written or taken does not undo what was done: the
/// call has succeeded, and the host parks the step because it has no output to record.
template <class Output>
[[nodiscard]] stepd_outcome succeed(stepd_context& call, const Output& output) {
  std::string text;
  try {
    text = json_text_of(output);
  } catch (const BadValue& error) {
    report(call, {"bad_output", error.what()});
    const std::string line = std::string("output not written: ") + error.what();
    call.host->log(&call, STEPD_LOG_ERROR, borrowed(line), {nullptr, 0});
  }
  const auto status = call.host->set_output(&call, borrowed(text));
  if (status == STEPD_FENCED) throw CallOver{};
  if (status == STEPD_TOO_BIG) {
    report(call, {"output_too_big", "the output of " + std::to_string(text.size()) +
                                        " bytes is over the host's limit"});
  }
  return STEPD_SUCCEEDED;
}

/// What `self` points at: how to make a step object, and how its arguments are read.
template <class StepClass, class... Parts>
struct StepSource {
  Defaults defaults;
  Migration migration;
  std::tuple<Parts...> parts;

  [[nodiscard]] StepClass make() const {
    return std::apply([](const Parts&... part) { return StepClass(part...); }, parts);
  }
};

template <class S, class Source>
class StepCallbacks {
 public:
  using Arguments = typename S::Arguments;
  using Output = Valued<typename S::Output>;

  static stepd_outcome execute(void* self, stepd_context* call) noexcept {
    return answer_of<Phase::execute>(*call, [&](Context& context) {
      const auto& source = *static_cast<const Source*>(self);
      const auto arguments = arguments_of<Arguments>(*call, source.defaults, source.migration);
      auto step = source.make();
      if constexpr (std::is_void_v<typename S::Output>) {
        step.execute(context, arguments);
        return succeed(*call, Nothing{});
      } else {
        return succeed(*call, Output(step.execute(context, arguments)));
      }
    });
  }

  static stepd_outcome compensate(void* self, stepd_context* call) noexcept {
    return answer_of<Phase::compensate>(*call, [&](Context& context) {
      const auto& source = *static_cast<const Source*>(self);
      const auto arguments = arguments_of<Arguments>(*call, source.defaults, source.migration);
      const auto output = own_output(*call);
      auto step = source.make();
      step.compensate(context, arguments, output);
      return STEPD_SUCCEEDED;
    });
  }

  static stepd_outcome probe(void* self, stepd_context* call) noexcept {
    return answer_of<Phase::probe>(*call, [&](Context& context) {
      const auto& source = *static_cast<const Source*>(self);
      const auto arguments = arguments_of<Arguments>(*call, source.defaults, source.migration);
      auto step = source.make();
      return answer_of_probe(*call, step.probe(context, arguments));
    });
  }

 private:
  [[nodiscard]] static std::optional<Output> own_output(stepd_context& call) {
    stepd_str text{};
    const auto status = ask(call, &stepd_host_calls::own_output, &text);
    if (!granted(status, "the output of execute")) return std::nullopt;
    return JsonReader(rules_of_own_record).from_text<Output>(text_of(text));
  }

  [[nodiscard]] static stepd_outcome answer_of_probe(
      stepd_context& call, const ProbeAnswer<typename S::Output>& answer) {
    if (const auto* took = std::get_if<TookEffect<typename S::Output>>(&answer)) {
      return succeed(call, took->output);
    }
    if (std::holds_alternative<TookNoEffect>(answer)) return STEPD_NO_EFFECT;
    report(call, {"still_unknown", std::get<StillUnknown>(answer).message});
    return STEPD_EFFECT_UNKNOWN;
  }
};

}  // namespace stepd::detail
