#include <algorithm>
#include <boost/json/value.hpp>

#include "host/engine/codec.hpp"
#include "host/engine/json_value.hpp"
#include "host/engine/names.hpp"
#include "host/engine/schema.hpp"
#include "host/http/json_writer.hpp"
#include "host/http/routes.hpp"
#include "host/http/text.hpp"
#include "host/http/verb_body.hpp"
#include "host/http/verbs_of_jobs.hpp"

namespace stepd::http {
namespace {

using engine::Verb;

engine::Verdict ask(const Scope& scope, const engine::LoadedJob& job, const Verb& verb) {
  if (auto problem = output_problem(scope, job, verb)) throw Refusal(*std::move(problem));
  return scope.host.act(job.id, verb);
}

}  // namespace

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
    case engine::Refused::Why::request_taken:
      return problem(409, "request_id_taken");
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

std::optional<Problem> output_problem(const Scope& scope, const engine::LoadedJob& loaded,
                                      const Verb& verb) {
  if (verb.output.empty()) return std::nullopt;
  const auto job = engine::decode_definition(loaded.definition);
  const auto step = std::ranges::find(job.steps, verb.step, &engine::StepDefinition::id);
  if (step == job.steps.end()) return std::nullopt;  // the host says so
  const auto catalogue = scope.host.catalogue();
  const engine::StepType* type = catalogue->find(step->type);
  if (type == nullptr || type->output_schema.empty()) return std::nullopt;
  auto value = engine::value_of(verb.output.view());
  auto verdict = engine::check_and_complete(value, engine::value_of(type->output_schema.view()),
                                            {.pointer = "/output"});
  if (verdict.problems.empty()) return std::nullopt;
  for (engine::Problem& problem : verdict.problems) {
    problem.message +=
        " (the output of " + type->name + "; see: stepctl step show " + type->name + ")";
  }
  return job_refused(std::move(verdict.problems));
}

Answer act_on_job(const Scope& scope, Request& request, Verb::Kind kind) {
  const Verb verb = verb_in(json_body_of(scope, request), kind);
  const engine::LoadedJob job = find_job(scope, request);
  const engine::Verdict verdict = ask(scope, job, verb);
  if (const auto* refused = std::get_if<engine::Refused>(&verdict)) {
    throw Refusal(problem_of(*refused));
  }
  const engine::JobId made = std::get<engine::Accepted>(verdict).job;
  Reply reply;
  JsonWriter json(reply.body);
  json.begin_object();
  json.member("id", engine::to_text(job.id));
  json.member("verb", engine::name_of(verb.kind));
  json.member("request_id", verb.request_id);
  json.member("accepted", true);
  if (made != engine::JobId{}) json.member("job", engine::to_text(made));
  json.end_object();
  return reply;
}

/// Once only: with the job goes every trace of what was asked of it.
Answer remove_job(const Scope& scope, Request& request) {
  Verb verb;
  verb.kind = Verb::Kind::remove;
  verb.actor = request.query.one("actor").value_or("");
  request.query.done();
  const std::size_t bytes_max = scope.settings.limits.name_bytes_max;
  if (verb.actor.size() > bytes_max) {
    refuse(400, "bad_parameter",
           "the parameter actor has more than " + std::to_string(bytes_max) + " bytes");
  }
  const engine::JobId id = find_job(scope, request).id;
  const engine::Verdict verdict = scope.host.act(id, verb);
  if (const auto* refused = std::get_if<engine::Refused>(&verdict)) {
    throw Refusal(problem_of(*refused));
  }
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
