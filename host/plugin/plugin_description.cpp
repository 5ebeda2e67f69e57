#include "host/plugin/plugin_description.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstddef>
#include <limits>
#include <set>
#include <stdexcept>
#include <string_view>

#include "host/engine/schema.hpp"
#include "host/plugin/utf8.hpp"

namespace stepd::plugin {
namespace {

constexpr std::uint32_t steps_max = 1000;
constexpr std::size_t name_bytes_max = 200;
constexpr std::size_t prose_bytes_max = 16U << 10U;
constexpr std::size_t schema_bytes_max = 1U << 20U;
constexpr std::size_t schema_depth_max = 100;
constexpr std::int64_t milliseconds_max = std::int64_t{100} * 365 * 24 * 3600 * 1000;
// More than this many attempts is no end.
constexpr std::uint32_t attempts_max_max = 1'000'000;

/// Leaves the check at the first thing that is wrong; never leaves this file.
struct Unfit : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string in_quotes(std::string_view text) {
  return "\"" + readable(text, name_bytes_max) + "\"";
}

/// Words of lower case letters, digits and underscores, each beginning with a letter.
bool is_dotted_name(std::string_view name) {
  if (name.size() > name_bytes_max || name.find('.') == std::string_view::npos) return false;
  bool word_begins = true;
  for (const char c : name) {
    const bool letter = c >= 'a' && c <= 'z';
    const bool goes_on = letter || (c >= '0' && c <= '9') || c == '_';
    if (c == '.' ? word_begins : !(word_begins ? letter : goes_on)) return false;
    word_begins = c == '.';
  }
  return !word_begins;
}

std::string text_of(stepd_str text, std::string_view what, std::size_t bytes_max) {
  if (text.len == 0) return {};
  if (text.ptr == nullptr) throw Unfit(std::string(what) + " has a length but no bytes");
  if (text.len > bytes_max) {
    throw Unfit(std::string(what) + " has " + std::to_string(text.len) + " bytes; at most " +
                std::to_string(bytes_max) + " are allowed");
  }
  std::string copy(text.ptr, text.len);
  if (utf8_prefix(copy) != copy.size()) throw Unfit(std::string(what) + " is not UTF-8");
  return copy;
}

engine::JsonText schema_of(stepd_str text, std::string_view what) {
  std::string schema = text_of(text, what, schema_bytes_max);
  if (schema.empty()) return {};
  boost::json::parse_options options;
  options.max_depth = schema_depth_max;
  boost::system::error_code error;
  const auto value = boost::json::parse(schema, error, {}, options);
  if (error) throw Unfit(std::string(what) + " is not JSON: " + error.message());
  if (!value.is_object()) throw Unfit(std::string(what) + " is not a JSON object");
  if (const auto unchecked = engine::unsupported_keywords(value); !unchecked.empty()) {
    throw Unfit(std::string(what) + " uses the keyword " + in_quotes(unchecked.front()) +
                ", which this stepd does not check");
  }
  return engine::JsonText(std::move(schema));
}

engine::Duration span_of(std::int64_t milliseconds, std::string_view what) {
  if (milliseconds < 0 || milliseconds > milliseconds_max) {
    throw Unfit(std::string(what) + " is " + std::to_string(milliseconds) +
                " ms; it must lie between 0 and 100 years");
  }
  return std::chrono::milliseconds(milliseconds);
}

std::optional<double> thousandths(std::int32_t value, std::int32_t least, std::int32_t most,
                                  std::string_view what) {
  if (value == -1) return std::nullopt;
  if (value < least || value > most) {
    throw Unfit(std::string(what) + " is " + std::to_string(value) + "; it must lie between " +
                std::to_string(least) + " and " + std::to_string(most) + ", or be -1 for not set");
  }
  return value / 1000.0;
}

engine::RetryOverrides retry_of(const stepd_retry_policy* policy, const std::string& what) {
  engine::RetryOverrides retry;
  if (policy == nullptr) return retry;
  if (!STEPD_HAS(policy, jitter_permille))
    throw Unfit(what + " has a struct_size that is too small");
  if (policy->attempts_max > attempts_max_max) {
    throw Unfit(what + " allows " + std::to_string(policy->attempts_max) + " attempts; at most " +
                std::to_string(attempts_max_max) + " count as an end");
  }
  if (policy->attempts_max != 0) retry.attempts_max = policy->attempts_max;
  if (policy->initial_ms != -1) retry.initial = span_of(policy->initial_ms, what + "'s initial_ms");
  if (policy->max_ms != -1) retry.max = span_of(policy->max_ms, what + "'s max_ms");
  if (retry.initial && retry.max && *retry.max < *retry.initial) {
    throw Unfit(what + "'s max_ms is less than its initial_ms");
  }
  retry.multiplier =
      thousandths(policy->multiplier_milli, 1000, 1'000'000, what + "'s multiplier_milli");
  retry.jitter = thousandths(policy->jitter_permille, 0, 1000, what + "'s jitter_permille");
  return retry;
}

engine::StepKind kind_of(const stepd_step& step, const std::string& name) {
  if (step.kind != STEPD_KIND_PLAIN && step.kind != STEPD_KIND_SAGA) {
    throw Unfit(name + " is of the kind " + std::to_string(step.kind) +
                ", which this stepd does not know");
  }
  const bool saga = step.kind == STEPD_KIND_SAGA;
  if (step.execute == nullptr) throw Unfit(name + " has no execute");
  if (saga && !STEPD_HAS_FUNCTION(&step, compensate)) {
    throw Unfit(name + " is a saga step without compensate");
  }
  if (!saga && STEPD_HAS_FUNCTION(&step, compensate)) {
    throw Unfit(name + " has a compensate but is no saga step: give it STEPD_KIND_SAGA");
  }
  return saga ? engine::StepKind::saga : engine::StepKind::plain;
}

void take_versions(const stepd_step& step, const std::string& name, engine::StepType& type) {
  if (step.version == 0) throw Unfit(name + " has the version 0; versions begin at 1");
  if (step.accepts_from == 0 || step.accepts_from > step.version) {
    throw Unfit(name + " accepts steps from version " + std::to_string(step.accepts_from) +
                "; it must lie between 1 and its own version " + std::to_string(step.version));
  }
  type.version = step.version;
  type.accepts_from = step.accepts_from;
}

StepModule step_of(const stepd_step* step, std::size_t index) {
  const std::string place = "its step number " + std::to_string(index + 1);
  if (step == nullptr) throw Unfit(place + " is NULL");
  if (!STEPD_HAS(step, execute)) throw Unfit(place + " has a struct_size that is too small");
  StepModule module;
  engine::StepType& type = module.type;
  type.name = text_of(step->type, place + "'s type", name_bytes_max);
  if (!is_dotted_name(type.name)) {
    throw Unfit(place + " is called " + in_quotes(type.name) +
                "; a step type is lower case words with dots between them, such as "
                "bank.transfer_out");
  }
  const std::string name = "its step type " + type.name;
  type.kind = kind_of(*step, name);
  take_versions(*step, name, type);
  type.title = text_of(step->title, name + "'s title", name_bytes_max);
  type.description = text_of(step->description, name + "'s description", prose_bytes_max);
  type.args_schema = schema_of(step->args_schema, name + "'s args_schema");
  type.output_schema = schema_of(step->output_schema, name + "'s output_schema");
  type.retry = retry_of(step->retry, name + "'s retry");
  type.compensate_retry = retry_of(step->compensate_retry, name + "'s compensate_retry");
  type.timeout = span_of(step->timeout_ms, name + "'s timeout_ms");
  type.heartbeat = span_of(step->heartbeat_ms, name + "'s heartbeat_ms");
  type.compensate_timeout = span_of(step->compensate_timeout_ms, name + "'s compensate_timeout_ms");
  module.self = step->self;
  module.execute = step->execute;
  if (type.kind == engine::StepKind::saga) module.compensate = step->compensate;
  if (STEPD_HAS_FUNCTION(step, probe)) module.probe = step->probe;
  type.offers_probe = module.probe != nullptr;
  if (STEPD_HAS(step, not_repeatable)) type.not_repeatable = step->not_repeatable != 0;
  return module;
}

PluginDescription checked(const stepd_plugin* plugin) {
  if (plugin == nullptr) throw Unfit("could not describe itself: stepd_plugin_v1 returned NULL");
  if (!STEPD_HAS(plugin, steps))
    throw Unfit("describes itself with a struct_size that is too small");
  if (plugin->abi_minor_needed > STEPD_ABI_MINOR) {
    throw Unfit("needs the stepd plugin ABI 1." + std::to_string(plugin->abi_minor_needed) +
                " and this stepd offers 1." + std::to_string(STEPD_ABI_MINOR));
  }
  PluginDescription description;
  description.id = text_of(plugin->id, "its id", name_bytes_max);
  description.version = text_of(plugin->version, "its version", name_bytes_max);
  description.sdk = text_of(plugin->sdk, "its sdk", name_bytes_max);
  if (plugin->step_count == 0 || plugin->step_count > steps_max || plugin->steps == nullptr) {
    throw Unfit("offers " + std::to_string(plugin->steps == nullptr ? 0 : plugin->step_count) +
                " step types; it must be between 1 and " + std::to_string(steps_max));
  }
  std::set<std::string_view> names;
  description.steps.reserve(plugin->step_count);
  for (std::size_t index = 0; index < plugin->step_count; ++index) {
    description.steps.push_back(step_of(plugin->steps[index], index));
    const StepModule& step = description.steps.back();
    if (!names.insert(step.type.name).second) {
      throw Unfit("offers the step type " + step.type.name + " twice");
    }
  }
  for (StepModule& step : description.steps) {
    step.type.plugin = description.id + " " + description.version;
  }
  return description;
}

}  // namespace

std::variant<PluginDescription, BadDescription> describe(const stepd_plugin* plugin) {
  try {
    return checked(plugin);
  } catch (const Unfit& unfit) {
    const std::string fact = unfit.what();
    return BadDescription{fact.starts_with("its ") ? "describes itself wrongly: " + fact : fact};
  }
}

}  // namespace stepd::plugin
