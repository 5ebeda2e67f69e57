#include "host/contained/description.hpp"

#include <chrono>
#include <cmath>
#include <deque>
#include <string_view>
#include <vector>

#include "host/plugin/borrowed.hpp"

namespace stepd::contained {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

std::int64_t in_ms(engine::Duration span) { return duration_cast<milliseconds>(span).count(); }

std::int32_t in_thousandths(const std::optional<double>& value) {
  constexpr double most = 2'000'000'000.0;
  if (!value) return -1;
  return static_cast<std::int32_t>(std::lround(std::min(std::abs(*value) * 1000, most)));
}

stepd_retry_policy policy_of(const engine::RetryOverrides& retry) {
  stepd_retry_policy policy{};
  policy.struct_size = sizeof policy;
  policy.attempts_max = retry.attempts_max.value_or(0);
  policy.initial_ms = retry.initial ? in_ms(*retry.initial) : -1;
  policy.max_ms = retry.max ? in_ms(*retry.max) : -1;
  policy.multiplier_milli = in_thousandths(retry.multiplier);
  policy.jitter_permille = in_thousandths(retry.jitter);
  return policy;
}

/// There because a description without them would be refused; nobody calls it.
stepd_outcome nowhere(void*, stepd_context*) { return STEPD_FAILED; }

/// The ABI's form of what was said, with all that it points to.
class Image final {
 public:
  explicit Image(const Described& described) {
    for (const engine::StepType& type : described.steps) add(type);
    plugin_.struct_size = sizeof plugin_;
    plugin_.id = plugin::lend(described.id);
    plugin_.version = plugin::lend(described.version);
    plugin_.sdk = plugin::lend(described.sdk);
    plugin_.step_count = static_cast<std::uint32_t>(pointers_.size());
    plugin_.steps = pointers_.data();
  }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  [[nodiscard]] const stepd_plugin& plugin() const { return plugin_; }

 private:
  void add(const engine::StepType& type) {
    stepd_step& step = steps_.emplace_back();
    const bool saga = type.kind == engine::StepKind::saga;
    step.struct_size = sizeof step;
    step.kind = saga ? STEPD_KIND_SAGA : STEPD_KIND_PLAIN;
    step.type = plugin::lend(type.name);
    step.version = type.version;
    step.accepts_from = type.accepts_from;
    step.title = plugin::lend(type.title);
    step.description = plugin::lend(type.description);
    step.args_schema = plugin::lend(type.args_schema.view());
    step.output_schema = plugin::lend(type.output_schema.view());
    step.retry = &policies_.emplace_back(policy_of(type.retry));
    step.compensate_retry = &policies_.emplace_back(policy_of(type.compensate_retry));
    step.timeout_ms = in_ms(type.timeout);
    step.heartbeat_ms = in_ms(type.heartbeat);
    step.compensate_timeout_ms = in_ms(type.compensate_timeout);
    step.execute = nowhere;
    if (saga) step.compensate = nowhere;
    if (type.offers_probe) step.probe = nowhere;
    step.not_repeatable = type.not_repeatable ? 1 : 0;
    pointers_.push_back(&step);
  }

  std::deque<stepd_step> steps_;
  std::deque<stepd_retry_policy> policies_;
  std::vector<const stepd_step*> pointers_;
  stepd_plugin plugin_{};
};

}  // namespace

std::variant<plugin::PluginDescription, plugin::BadDescription> checked_again(
    const Described& described) {
  const Image image(described);
  auto checked = plugin::describe(&image.plugin());
  if (auto* description = std::get_if<plugin::PluginDescription>(&checked)) {
    for (plugin::StepModule& step : description->steps) {
      step.execute = nullptr;
      step.compensate = nullptr;
      step.probe = nullptr;
    }
  }
  return checked;
}

}  // namespace stepd::contained
