#include <algorithm>
#include <boost/json/value.hpp>

#include "host/engine/codec.hpp"
#include "host/engine/json_value.hpp"
#include "host/engine/names.hpp"
#include "host/engine/schema.hpp"
#include "host/http/json_body.hpp"
#include "host/http/json_writer.hpp"
#include "host/http/routes.hpp"
#include "host/http/text.hpp"

namespace stepd::http {
namespace {

constexpr std::size_t reason_bytes_max = 4096;

engine::Verb verb_of(engine::Verb::Kind kind, const JsonBody& body) {
  engine::Verb verb;
  verb.kind = kind;
  verb.request_id = body.name("request_id");
  if (verb.request_id.empty()) verb.request_id = fresh_id();
  verb.actor = body.name("actor");
  verb.reason = body.text("reason", reason_bytes_max);
  return verb;
}

Problem problem_of(const engine::Refused& refused) {
  const auto problem = [&refused](int status, std::string code) {
    return Problem{.status = status, .code = std::move(code), .detail = refused.message};
  };
  switch (refused.why) {
    case engine::Refused::Why::not_found:
      return problem(404, "not_found");
    case engine::Refused::Why::wrong_state:
      return problem(409, "wrong_state");
    case engine::Refused::Why::invalid:
      return problem(422, "invalid");
    case engine::Refused::Why::not_stored:
      return problem(507, "not_stored");
    case engine::Refused::Why::ending:
      return problem(503, "ending");
    case engine::Refused::Why::unsure:
      return problem(503, "unsure");
    case engine::Refused::Why::unreadable:
      return problem(500, "record_unreadable");
  }
  return problem(500, "refused");
}

/// An operator's output must be what the step type promises, for later steps build on it. A type
/// that no plugin offers now promises nothing.
void check_output(const Scope& scope, const engine::LoadedJob& loaded, const engine::Verb& verb) {
  if (verb.output.empty()) return;
  const auto job = engine::decode_definition(loaded.definition);
  const auto step = std::ranges::find(job.steps, verb.step, &engine::StepDefinition::id);
  if (step == job.steps.end()) return;  // the host says so
  const auto catalogue = scope.host.catalogue();
  const engine::StepType* type = catalogue->find(step->type);
  if (type == nullptr || type->output_schema.empty()) return;
  auto value = engine::value_of(verb.output.view());
  auto verdict = engine::check_and_complete(value, engine::value_of(type->output_schema.view()),
                                            {.pointer = "/output"});
  if (verdict.problems.empty()) return;
  for (engine::Problem& problem : verdict.problems) {
    problem.message +=
        " (the output of " + type->name + "; see: stepctl step show " + type->name + ")";
  }
  throw Refusal(job_refused(std::move(verdict.problems)));
}

engine::JobId act(const Scope& scope, const Request& request, const engine::Verb& verb) {
  const engine::LoadedJob job = find_job(scope, request);
  check_output(scope, job, verb);
  const engine::Verdict verdict = scope.host.act(job.id, verb);
  if (const auto* refused = std::get_if<engine::Refused>(&verdict)) {
    throw Refusal(problem_of(*refused));
  }
  return job.id;
}

Answer act_and_answer(const Scope& scope, const Request& request, const engine::Verb& verb) {
  const engine::JobId id = act(scope, request, verb);
  Reply reply;
  JsonWriter json(reply.body);
  json.begin_object();
  json.member("id", engine::to_text(id));
  json.member("verb", engine::name_of(verb.kind));
  json.member("request_id", verb.request_id);
  json.member("accepted", true);
  json.end_object();
  return reply;
}

/// Verbs about a job as a whole.
Answer act_on_job(const Scope& scope, Request& request, engine::Verb::Kind kind) {
  const JsonBody body = json_body_of(scope, request);
  body.allow({"request_id", "actor", "reason"});
  return act_and_answer(scope, request, verb_of(kind, body));
}

/// Verbs about one step say which, and why: they decide what is true of the outside world.
engine::Verb step_verb(engine::Verb::Kind kind, const JsonBody& body) {
  engine::Verb verb = verb_of(kind, body);
  verb.step = body.needed_name("step");
  verb.reason = body.needed("reason", reason_bytes_max);
  return verb;
}

engine::Verb::Truth truth_of(const JsonBody& body) {
  const std::string truth = body.name("truth");
  if (truth.empty() || truth == "done") return engine::Verb::Truth::done;
  if (truth == "none") return engine::Verb::Truth::none;
  if (truth == "undone") return engine::Verb::Truth::undone;
  invalid("wrong_value", "/truth", "is \"" + truth + "\"; it is done, none or undone");
}

}  // namespace

Answer cancel_job(const Scope& scope, Request& request) {
  return act_on_job(scope, request, engine::Verb::Kind::cancel);
}

Answer pause_job(const Scope& scope, Request& request) {
  return act_on_job(scope, request, engine::Verb::Kind::pause);
}

Answer resume_job(const Scope& scope, Request& request) {
  return act_on_job(scope, request, engine::Verb::Kind::resume);
}

Answer retry_job(const Scope& scope, Request& request) {
  const JsonBody body = json_body_of(scope, request);
  body.allow({"request_id", "actor", "reason", "step"});
  engine::Verb verb = verb_of(engine::Verb::Kind::retry, body);
  verb.step = body.name("step");
  return act_and_answer(scope, request, verb);
}

Answer abandon_step(const Scope& scope, Request& request) {
  const JsonBody body = json_body_of(scope, request);
  body.allow({"request_id", "actor", "reason", "step"});
  return act_and_answer(scope, request, step_verb(engine::Verb::Kind::abandon, body));
}

Answer skip_step(const Scope& scope, Request& request) {
  const JsonBody body = json_body_of(scope, request);
  body.allow({"request_id", "actor", "reason", "step", "output"});
  engine::Verb verb = step_verb(engine::Verb::Kind::skip, body);
  verb.output = body.json("output", scope.settings.limits.output_bytes_max);
  return act_and_answer(scope, request, verb);
}

Answer resolve_step(const Scope& scope, Request& request) {
  const JsonBody body = json_body_of(scope, request);
  body.allow({"request_id", "actor", "reason", "step", "output", "truth"});
  engine::Verb verb = step_verb(engine::Verb::Kind::resolve, body);
  verb.truth = truth_of(body);
  verb.output = body.json("output", scope.settings.limits.output_bytes_max);
  if (verb.truth != engine::Verb::Truth::done && !verb.output.empty()) {
    invalid("wrong_value", "/output",
            "must be left out: only a step resolved as done has an output");
  }
  return act_and_answer(scope, request, verb);
}

/// Once only: with the job goes every trace of what was asked of it.
Answer remove_job(const Scope& scope, Request& request) {
  engine::Verb verb;
  verb.kind = engine::Verb::Kind::remove;
  verb.actor = request.query.one("actor").value_or("");
  request.query.done();
  const std::size_t bytes_max = scope.settings.limits.name_bytes_max;
  if (verb.actor.size() > bytes_max) {
    refuse(400, "bad_parameter",
           "the parameter actor has more than " + std::to_string(bytes_max) + " bytes");
  }
  const engine::JobId id = act(scope, request, verb);
  scope.settings.note("job deleted job=" + engine::to_text(id) + " tenant=" + request.tenant +
                      " actor=" + in_quotes(verb.actor));
  Reply reply;
  JsonWriter json(reply.body);
  json.begin_object();
  json.member("id", engine::to_text(id));
  json.member("verb", engine::name_of(verb.kind));
  json.member("accepted", true);
  json.end_object();
  return reply;
}

}  // namespace stepd::http
