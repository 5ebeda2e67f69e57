#include "host/engine/job_parser.hpp"
#include "host/engine/names.hpp"
#include "host/engine/plan.hpp"
#include "host/http/render.hpp"
#include "host/http/routes.hpp"
#include "host/http/text.hpp"

namespace stepd::http {
namespace {

void write_longest(JsonWriter& json, const engine::Longest& longest) {
  json.key("longest");
  longest ? json.text(to_text(*longest)) : json.null();
}

void write_policy(JsonWriter& json, const engine::RetryPolicy& policy) {
  write_overrides(json, "retry",
                  {.attempts_max = policy.attempts_max,
                   .initial = policy.initial,
                   .max = policy.max,
                   .multiplier = policy.multiplier,
                   .jitter = policy.jitter});
}

void write_ids(JsonWriter& json, std::string_view name, const engine::JobDefinition& job,
               const std::vector<engine::StepIndex>& steps) {
  json.key(name);
  json.begin_array();
  for (const engine::StepIndex step : steps) json.text(job.steps[step].id);
  json.end_array();
}

void write_compensation(JsonWriter& json, const engine::StepTypeSnapshot& type,
                        const engine::Longest& longest) {
  json.key("compensation");
  if (type.kind != engine::StepKind::saga) return json.null();
  json.begin_object();
  write_policy(json, type.compensate_retry);
  write_span(json, "timeout", type.compensate_timeout);
  write_longest(json, longest);
  json.end_object();
}

void write_type(JsonWriter& json, const engine::StepTypeSnapshot& type,
                const engine::StepPlan& plan) {
  json.member("kind", engine::name_of(type.kind));
  json.member("version", type.version);
  engine::RetryPolicy retry = type.retry;
  if (plan.behind_pivot) retry.attempts_max = 0;
  write_policy(json, retry);
  write_span(json, "timeout", type.timeout);
  write_span(json, "heartbeat", type.heartbeat);
  write_longest(json, plan.forward);
  write_compensation(json, type, plan.back);
}

void write_step(JsonWriter& json, const engine::JobDefinition& job, engine::StepIndex index,
                const engine::StepPlan& plan, const engine::Catalogue& catalogue) {
  const engine::StepDefinition& step = job.steps[index];
  const engine::StepType* type = catalogue.find(step.type);
  json.begin_object();
  json.member("id", step.id);
  json.member("step", step.type);
  write_ids(json, "after", job, step.after);
  json.member("pivot", step.pivot);
  json.member_or_null("plugin", type ? type->plugin : std::string{});
  if (step.snapshot) {
    write_type(json, *step.snapshot, plan);
  } else {
    for (const std::string_view unknown :
         {"kind", "version", "retry", "timeout", "heartbeat", "longest", "compensation"}) {
      json.member(unknown, nullptr);
    }
  }
  json.end_object();
}

}  // namespace

Answer plan_job(const Scope& scope, Request& request) {
  request.query.done();
  const ApiSettings& settings = scope.settings;
  engine::ParsedJob parsed =
      engine::parse_job(request.body.all(settings.job_bytes_max), settings.limits);
  if (!parsed.problems.empty()) return reply_to(job_refused(std::move(parsed.problems)));
  parsed.definition.tenant = request.tenant;
  const auto catalogue = scope.host.catalogue();
  const engine::Validated validated = engine::validate(std::move(parsed.definition), *catalogue,
                                                       settings.defaults, settings.limits);
  if (!validated.problems.empty()) return reply_to(job_refused(validated.problems));
  const engine::JobDefinition& job = validated.definition;
  const engine::JobPlan plan = engine::plan_of(job);

  Reply reply;
  JsonWriter json(reply.body);
  json.begin_object();
  json.member("name", job.name);
  write_span(json, "deadline", job.deadline.value_or(engine::Duration{}));
  json.key("steps");
  json.begin_array();
  for (const engine::StepIndex step : plan.order) {
    write_step(json, job, step, plan.steps[step], *catalogue);
  }
  json.end_array();
  write_longest(json, plan.forward);
  json.key("compensation");
  json.begin_object();
  write_ids(json, "order", job, plan.compensations);
  write_longest(json, plan.back);
  json.end_object();
  json.key("warnings");
  write_problems(json, validated.warnings);
  json.end_object();
  return reply;
}

}  // namespace stepd::http
