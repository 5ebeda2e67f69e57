#include "host/plugin/step_call.hpp"

#include <exception>
#include <optional>

#include "host/plugin/call_context.hpp"
#include "host/plugin/current_call.hpp"
#include "host/plugin/utf8.hpp"

namespace stepd::plugin {
namespace {

using engine::OutcomeKind;
using engine::Phase;

constexpr std::size_t words_bytes_max = 16U << 10U;

StepModule::Callback callback_of(const StepModule& step, Phase phase) {
  switch (phase) {
    case Phase::execute:
      return step.execute;
    case Phase::probe:
      return step.probe;
    case Phase::compensate:
      return step.compensate;
  }
  return nullptr;
}

/// The job was accepted when a build of the plugin offered the phase, and this build does not.
engine::Outcome not_offered(const StepModule& step, Phase phase) {
  return {.kind = OutcomeKind::bad_answer,
          .error = {"phase_not_offered",
                    step.type.name + " of " + step.type.plugin + " offers no " +
                        (phase == Phase::probe ? "probe" : "compensate") +
                        ", and this job was accepted when it did; load a build that offers it, "
                        "then retry the step",
                    {}}};
}

engine::Outcome threw(std::string_view words) {
  return {.kind = OutcomeKind::retry, .error = {"exception", readable(words, words_bytes_max), {}}};
}

/// Runs the plugin's code. An exception that gets through a C++ plugin built like this host is
/// caught; one thrown through frames that cannot be unwound ends the process, which is a crash.
engine::Outcome run_in(CallContext& context, StepModule::Callback callback) {
  const StepModule& step = context.step;
  const CurrentCall here{context.request.id, step.type.module, step.type.name.c_str()};
  std::optional<engine::Outcome> thrown;
  stepd_outcome answer = STEPD_RETRY;
  try {
    const CallMark mark(here);
    answer = callback(step.self, &context);
  } catch (const std::exception& error) {
    thrown = threw(error.what());
  } catch (...) {
    thrown = threw("the step threw something that is no std::exception");
  }
  context.visits.close(context.stop);
  return thrown ? *std::move(thrown) : std::move(context.answer).outcome(answer, step.type.name);
}

}  // namespace

engine::Outcome run_call(const StepModule& step, const engine::CallRequest& request,
                         CallPorts& ports, std::stop_token stop, const engine::Limits& limits) {
  const StepModule::Callback callback = callback_of(step, request.phase);
  if (callback == nullptr) return not_offered(step, request.phase);
  CallContext context(step, request, ports, std::move(stop), limits);
  return run_in(context, callback);
}

}  // namespace stepd::plugin
