#include "host/http/render.hpp"

#include <algorithm>

#include "host/engine/names.hpp"
#include "host/engine/reference.hpp"
#include "host/engine/why.hpp"
#include "host/http/text.hpp"

namespace stepd::http {
namespace {

using engine::JobState;
using engine::StepIndex;
using engine::StepState;

std::string words(const engine::Error& error) {
  if (error.code.empty()) return error.message;
  if (error.message.empty()) return error.code;
  return error.code + ": " + error.message;
}

std::string with_words(std::string fact, const engine::Error& error) {
  const std::string more = words(error);
  return more.empty() ? fact : fact + ": " + more;
}

std::string undone_text(const JobState& job) {
  const auto undone = engine::undone_job(*job.definition);
  return undone ? engine::to_text(*undone) : std::string("that is not known");
}

/// Why the job is not on its plain way forward; empty while it is.
std::string reason_of(const JobState& job) {
  const auto& steps = job.definition->steps;
  if (job.cause) {
    switch (job.cause->kind) {
      case engine::Cause::Kind::step_abandoned:
        return with_words("step " + steps[job.cause->step].id + " was abandoned", job.cause->error);
      case engine::Cause::Kind::cancel:
        return with_words("it was cancelled", job.cause->error);
      case engine::Cause::Kind::deadline:
        return with_words("its deadline passed", job.cause->error);
      case engine::Cause::Kind::undo:
        return with_words("it undoes job " + undone_text(job), {{}, job.cause->error.message, {}});
    }
  }
  for (StepIndex step = 0; step < job.steps.size(); ++step) {
    if (const auto* parked = std::get_if<engine::Parked>(&job.steps[step].condition)) {
      return with_words("step " + steps[step].id + " is parked", parked->error);
    }
  }
  return {};
}

std::optional<engine::TimePoint> due_of(const StepState& step) {
  if (const auto* retrying = std::get_if<engine::Retrying>(&step.condition)) {
    return retrying->due.at;
  }
  if (const auto* suspended = std::get_if<engine::Suspended>(&step.condition)) {
    return suspended->wait.due ? std::optional(suspended->wait.due->at) : std::nullopt;
  }
  return std::nullopt;
}

/// The event's key, or the name of the sleep.
std::string_view waits_for(const StepState& step) {
  const auto* suspended = std::get_if<engine::Suspended>(&step.condition);
  return suspended ? std::string_view(suspended->wait.key) : std::string_view{};
}

/// What a step that succeeded stumbled over before is the journal's business.
engine::Error error_of(const StepState& step) {
  if (std::holds_alternative<engine::Succeeded>(step.condition)) return {};
  if (std::holds_alternative<engine::Skipped>(step.condition)) return {};
  if (const auto* parked = std::get_if<engine::Parked>(&step.condition)) {
    if (parked->error != engine::Error{}) return parked->error;
  }
  if (const auto* abandoned = std::get_if<engine::Abandoned>(&step.condition)) {
    if (abandoned->error != engine::Error{}) return abandoned->error;
  }
  return step.last_error;
}

/// The job whose outcome this is, when a rerun kept it.
void write_kept(JsonWriter& json, const JobState& job, StepIndex index) {
  std::string from;
  if (const auto& origin = job.definition->origin) {
    const auto kept = std::ranges::find(origin->kept, index, &engine::KeptStep::step);
    if (kept != origin->kept.end()) from = engine::to_text(kept->job);
  }
  json.member_or_null("kept_from", from);
}

void write_origin(JsonWriter& json, const std::optional<engine::Origin>& origin) {
  json.key("origin");
  if (!origin) return json.null();
  json.begin_object();
  json.member("kind", engine::name_of(origin->kind));
  json.member("job", engine::to_text(origin->job));
  json.member_or_null("from", origin->from);
  json.end_object();
}

void write_derived(JsonWriter& json, const std::vector<storage::DerivedLine>& derived) {
  json.key("derived");
  json.begin_array();
  for (const storage::DerivedLine& line : derived) {
    json.begin_object();
    json.member("kind", engine::name_of(line.kind));
    json.member("job", engine::to_text(line.job));
    json.end_object();
  }
  json.end_array();
}

void write_undo(JsonWriter& json, const std::optional<JobKin::Undo>& undo) {
  json.key("undo");
  if (!undo) return json.null();
  json.begin_object();
  json.member("job", engine::to_text(undo->job));
  json.member_or_null("state", undo->state ? engine::name_of(*undo->state) : std::string_view{});
  json.end_object();
}

void write_parent(JsonWriter& json, const std::optional<engine::ParentLink>& parent) {
  json.key("parent");
  if (!parent) return json.null();
  json.begin_object();
  json.member("id", engine::to_text(parent->job));
  json.member("key", parent->key);
  json.end_object();
}

/// Of all its steps together.
void write_children(JsonWriter& json, const std::vector<engine::ChildCounts>& children) {
  std::uint64_t started = 0;
  std::uint64_t settled = 0;
  std::uint64_t unsuccessful = 0;
  for (const engine::ChildCounts& counts : children) {
    started += counts.spawned;
    settled += counts.settled;
    unsuccessful += counts.unsuccessful;
  }
  json.key("children");
  if (started == 0) return json.null();
  json.begin_object();
  json.member("started", started);
  json.member("settled", settled);
  json.member("unsuccessful", unsuccessful);
  json.end_object();
}

void write_step(JsonWriter& json, const JobState& job, StepIndex index) {
  const engine::StepDefinition& definition = job.definition->steps[index];
  const StepState& step = job.steps[index];
  json.begin_object();
  json.member("id", definition.id);
  json.member("type", definition.type);
  json.key("version");
  const engine::StepTypeSnapshot* snapshot = engine::snapshot(job, index);
  snapshot ? json.integer(snapshot->version) : json.null();
  json.member("state", engine::name_of(step.condition));
  json.member("phase", engine::name_of(step.phase));
  json.member("effect", engine::name_of(step.effect));
  json.member("attempts", step.attempts);
  json.member("calls", step.calls);
  json.member("args", engine::args_of(job, index));
  json.member("output", step.output);
  write_kept(json, job, index);
  write_time(json, "due", due_of(step));
  json.member_or_null("waits_for", waits_for(step));
  write_error(json, "error", error_of(step));
  json.end_object();
}

/// Until it has succeeded, a job has no output, and that is no error.
void write_output(JsonWriter& json, const JobState& job, std::size_t bytes_max) {
  engine::Resolution output = engine::JsonText{};
  if (job.settled == engine::SettledState::succeeded) output = engine::job_output(job, bytes_max);
  const auto* value = std::get_if<engine::JsonText>(&output);
  const auto* error = std::get_if<engine::Error>(&output);
  json.member("output", value ? *value : engine::JsonText{});
  write_error(json, "output_error", error ? *error : engine::Error{});
}

void write_left(JsonWriter& json, const JobState& job) {
  json.key("left");
  json.begin_array();
  for (StepIndex step = 0; step < job.steps.size(); ++step) {
    if (std::holds_alternative<engine::Left>(job.steps[step].condition)) {
      json.text(job.definition->steps[step].id);
    }
  }
  json.end_array();
}

}  // namespace

void write_span(JsonWriter& json, std::string_view name, engine::Duration span) {
  json.member_or_null(name, span == engine::Duration{} ? std::string{} : to_text(span));
}

void write_overrides(JsonWriter& json, std::string_view name, const engine::RetryOverrides& retry) {
  json.key(name);
  json.begin_object();
  json.key("attempts_max");
  if (!retry.attempts_max) {
    json.null();
  } else if (*retry.attempts_max == 0) {
    json.text("unlimited");
  } else {
    json.integer(*retry.attempts_max);
  }
  json.member_or_null("initial", retry.initial ? to_text(*retry.initial) : std::string{});
  json.member_or_null("max", retry.max ? to_text(*retry.max) : std::string{});
  json.key("multiplier");
  retry.multiplier ? json.number(*retry.multiplier) : json.null();
  json.key("jitter");
  retry.jitter ? json.number(*retry.jitter) : json.null();
  json.end_object();
}

void write_time(JsonWriter& json, std::string_view name,
                const std::optional<engine::TimePoint>& time) {
  json.member_or_null(name, time ? to_text(*time) : std::string{});
}

void write_error(JsonWriter& json, std::string_view name, const engine::Error& error) {
  json.key(name);
  if (error == engine::Error{}) return json.null();
  json.begin_object();
  json.member("code", error.code);
  json.member("message", error.message);
  json.member("details", error.details);
  json.end_object();
}

std::string job_json(const JobState& job, engine::JobWord state, const JobKin& kin,
                     std::size_t output_bytes_max) {
  const engine::JobDefinition& definition = *job.definition;
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.member("id", engine::to_text(job.id));
  json.member("name", definition.name);
  json.member_or_null("key", definition.key);
  json.member("tenant", definition.tenant);
  json.member("state", engine::name_of(state));
  json.member_or_null("reason", reason_of(job));
  json.member("attention", std::any_of(job.steps.begin(), job.steps.end(),
                                       [](const StepState& step) { return step.attention; }));
  write_time(json, "created_at", engine::created_at(job.id));
  write_time(json, "settled_at", job.settled ? std::optional(job.last_at) : std::nullopt);
  write_time(
      json, "deadline",
      definition.deadline ? std::optional(job.accepted_at + *definition.deadline) : std::nullopt);
  json.member("past_pivot", job.past_pivot);
  json.member("priority", job.priority);
  json.member("pin", engine::name_of(definition.pin));
  write_origin(json, definition.origin);
  write_derived(json, kin.derived);
  write_undo(json, kin.undo);
  write_parent(json, definition.parent);
  write_children(json, kin.children);
  json.member("args", definition.args);
  write_output(json, job, output_bytes_max);
  write_left(json, job);
  json.key("steps");
  json.begin_array();
  for (StepIndex step = 0; step < job.steps.size(); ++step) write_step(json, job, step);
  json.end_array();
  json.end_object();
  return text;
}

void write_line(JsonWriter& json, const storage::JobLine& line) {
  json.begin_object();
  json.member("id", engine::to_text(line.id));
  json.member("name", line.name);
  json.member_or_null("key", line.key);
  json.member("state", engine::name_of(line.head.word));
  json.member("attention", line.head.attention);
  json.member("priority", line.head.priority);
  write_time(json, "created_at", engine::created_at(line.id));
  write_time(json, "due", line.head.due);
  json.member_or_null("needs", line.head.needs);
  write_time(json, "settled_at", line.head.settled_at);
  json.end_object();
}

void write_child(JsonWriter& json, const storage::ChildLine& line, const StepIds& steps) {
  json.begin_object();
  json.member_or_null("step", line.step < steps.size() ? steps[line.step] : std::string_view{});
  json.member("key", line.key);
  json.member("id", engine::to_text(line.job));
  json.member_or_null("state",
                      line.outcome ? engine::name_of(line.outcome->word) : std::string_view{});
  json.member_or_null("word", line.word ? engine::name_of(*line.word) : std::string_view{});
  json.member("output", line.outcome ? line.outcome->output : engine::JsonText{});
  write_error(json, "error", line.outcome ? line.outcome->error : engine::Error{});
  json.end_object();
}

std::string_view name_of(plugin::Standing standing) {
  switch (standing) {
    case plugin::Standing::loaded:
      return "loaded";
    case plugin::Standing::refused:
      return "refused";
    case plugin::Standing::replaced:
      return "replaced";
    case plugin::Standing::withdrawn:
      return "withdrawn";
  }
  return "";
}

void write_plugin(JsonWriter& json, const plugin::PluginLine& line) {
  json.begin_object();
  json.member_or_null("id", line.id);
  json.member_or_null("version", line.version);
  json.member("file", line.file);
  json.member_or_null("module",
                      line.module == engine::ModuleHash{} ? std::string{} : to_text(line.module));
  json.member_or_null("sdk", line.sdk);
  json.key("step_types");
  json.begin_array();
  for (const std::string& type : line.step_types) json.text(type);
  json.end_array();
  json.member("state", name_of(line.standing));
  json.member_or_null("refused", line.refused);
  json.member("in_process", line.in_process);
  json.member_or_null("sha256", line.sha256);
  json.member_or_null("signed_by", line.signed_by);
  json.member_or_null("warning", line.warning);
  json.end_object();
}

void write_step_type(JsonWriter& json, const engine::StepType& type, Detail detail) {
  json.begin_object();
  json.member("type", type.name);
  json.member("version", type.version);
  json.member("kind", engine::name_of(type.kind));
  json.member_or_null("title", type.title);
  json.member("plugin", type.plugin);
  if (detail == Detail::whole) {
    json.member_or_null("description", type.description);
    json.member("args_schema", type.args_schema);
    json.member("output_schema", type.output_schema);
    write_overrides(json, "retry", type.retry);
    write_overrides(json, "compensate_retry", type.compensate_retry);
    write_span(json, "timeout", type.timeout);
    write_span(json, "heartbeat", type.heartbeat);
    write_span(json, "compensate_timeout", type.compensate_timeout);
    json.member("probe", type.offers_probe);
    json.member("not_repeatable", type.not_repeatable);
  }
  json.end_object();
}

}  // namespace stepd::http
