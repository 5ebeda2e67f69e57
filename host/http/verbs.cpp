#include <Poco/UUID.h>
#include <Poco/UUIDGenerator.h>

#include <algorithm>
#include <boost/json/value.hpp>
#include <initializer_list>

#include "host/engine/codec.hpp"
#include "host/engine/json_check.hpp"
#include "host/engine/json_cursor.hpp"
#include "host/engine/json_value.hpp"
#include "host/engine/names.hpp"
#include "host/engine/schema.hpp"
#include "host/http/json_writer.hpp"
#include "host/http/routes.hpp"
#include "host/http/text.hpp"

namespace stepd::http {
namespace {

constexpr std::size_t reason_bytes_max = 4096;

[[noreturn]] void invalid(std::string code, std::string pointer, std::string message) {
  throw Refusal(job_refused({{std::move(code), std::move(pointer), std::move(message)}}));
}

/// The body of a verb: an object with the members that the verb knows.
class VerbBody {
 public:
  VerbBody(std::string_view text, const engine::Limits& limits) : text_(text), limits_(limits) {
    if (text.empty()) return;
    if (const auto fault = engine::find_fault(text, limits.json_depth_max)) {
      invalid(fault->code, fault->pointer, fault->message);
    }
    engine::JsonCursor cursor(text);
    if (cursor.kind() != engine::JsonCursor::Kind::object) {
      invalid("wrong_type", "", "the body must be an object");
    }
  }

  void allow(std::initializer_list<std::string_view> names) const {
    if (text_.empty()) return;
    engine::JsonCursor cursor(text_);
    cursor.open();
    while (cursor.more()) {
      const std::string name = engine::unquoted(cursor.key());
      cursor.take();
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        invalid("unknown_member", "/" + name, "is no member that this verb knows");
      }
    }
  }

  /// Empty when it is absent or null.
  [[nodiscard]] std::string text(std::string_view name, std::size_t bytes_max) const {
    const std::string_view value = member(name);
    if (value.empty() || value == "null") return {};
    const std::string pointer = "/" + std::string(name);
    if (value.front() != '"') invalid("wrong_type", pointer, "must be a text");
    std::string text = engine::unquoted(value);
    if (text.size() > bytes_max) {
      invalid("too_long", pointer,
              "has " + std::to_string(text.size()) + " bytes; at most " +
                  std::to_string(bytes_max) + " are taken");
    }
    return text;
  }

  [[nodiscard]] std::string name(std::string_view member) const {
    return text(member, limits_.name_bytes_max);
  }

  [[nodiscard]] std::string needed(std::string_view member, std::size_t bytes_max) const {
    std::string value = text(member, bytes_max);
    if (value.empty()) {
      invalid("missing_member", "/" + std::string(member), "is needed by this verb, and not empty");
    }
    return value;
  }

  [[nodiscard]] std::string needed_name(std::string_view member) const {
    return needed(member, limits_.name_bytes_max);
  }

  [[nodiscard]] engine::JsonText output() const {
    const std::string_view text = member("output");
    if (text.size() > limits_.output_bytes_max) {
      invalid("too_large", "/output",
              "has " + std::to_string(text.size()) + " bytes; at most " +
                  std::to_string(limits_.output_bytes_max) + " are kept");
    }
    return engine::JsonText(engine::without_blanks(text));
  }

 private:
  /// As it was sent; empty when there is none.
  [[nodiscard]] std::string_view member(std::string_view name) const {
    return text_.empty() ? text_ : engine::child(text_, name);
  }

  std::string_view text_;  // of the request's body, which outlives this
  const engine::Limits& limits_;
};

VerbBody body_of(const Scope& scope, Request& request) {
  constexpr std::size_t other_members_bytes_max = 64 * 1024;
  request.query.done();
  const engine::Limits& limits = scope.settings.limits;
  return {request.body.all(limits.output_bytes_max + other_members_bytes_max), limits};
}

std::string fresh_request_id() { return Poco::UUIDGenerator().createRandom().toString(); }

engine::Verb verb_of(engine::Verb::Kind kind, const VerbBody& body) {
  engine::Verb verb;
  verb.kind = kind;
  verb.request_id = body.name("request_id");
  if (verb.request_id.empty()) verb.request_id = fresh_request_id();
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
  const VerbBody body = body_of(scope, request);
  body.allow({"request_id", "actor", "reason"});
  return act_and_answer(scope, request, verb_of(kind, body));
}

/// Verbs about one step say which, and why: they decide what is true of the outside world.
engine::Verb step_verb(engine::Verb::Kind kind, const VerbBody& body) {
  engine::Verb verb = verb_of(kind, body);
  verb.step = body.needed_name("step");
  verb.reason = body.needed("reason", reason_bytes_max);
  return verb;
}

engine::Verb::Truth truth_of(const VerbBody& body) {
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
  const VerbBody body = body_of(scope, request);
  body.allow({"request_id", "actor", "reason", "step"});
  engine::Verb verb = verb_of(engine::Verb::Kind::retry, body);
  verb.step = body.name("step");
  return act_and_answer(scope, request, verb);
}

Answer abandon_step(const Scope& scope, Request& request) {
  const VerbBody body = body_of(scope, request);
  body.allow({"request_id", "actor", "reason", "step"});
  return act_and_answer(scope, request, step_verb(engine::Verb::Kind::abandon, body));
}

Answer skip_step(const Scope& scope, Request& request) {
  const VerbBody body = body_of(scope, request);
  body.allow({"request_id", "actor", "reason", "step", "output"});
  engine::Verb verb = step_verb(engine::Verb::Kind::skip, body);
  verb.output = body.output();
  return act_and_answer(scope, request, verb);
}

Answer resolve_step(const Scope& scope, Request& request) {
  const VerbBody body = body_of(scope, request);
  body.allow({"request_id", "actor", "reason", "step", "output", "truth"});
  engine::Verb verb = step_verb(engine::Verb::Kind::resolve, body);
  verb.truth = truth_of(body);
  verb.output = body.output();
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
