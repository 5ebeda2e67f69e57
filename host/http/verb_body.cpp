#include "host/http/verb_body.hpp"

#include <utility>

#include "host/engine/canonical.hpp"
#include "host/engine/names.hpp"
#include "host/engine/record.hpp"
#include "host/http/content_hash.hpp"
#include "host/http/json_writer.hpp"

namespace stepd::http {
namespace {

using engine::Verb;

constexpr std::size_t reason_bytes_max = 4096;

Verb::Truth truth_of(const JsonBody& body) {
  const std::string truth = body.name("truth");
  if (truth.empty() || truth == "done") return Verb::Truth::done;
  if (truth == "none") return Verb::Truth::none;
  if (truth == "undone") return Verb::Truth::undone;
  invalid("wrong_value", "/truth", "is \"" + truth + "\"; it is done, none or undone");
}

std::string_view word_of(Verb::Truth truth) {
  switch (truth) {
    case Verb::Truth::done:
      return "done";
    case Verb::Truth::none:
      return "none";
    case Verb::Truth::undone:
      return "undone";
  }
  return "";
}

std::int32_t priority_of(const JsonBody& body) {
  const auto priority = body.whole_number("priority");
  if (!priority) invalid("missing_member", "/priority", "is needed by this verb");
  if (*priority < engine::priority_min || *priority > engine::priority_max) {
    invalid("out_of_range", "/priority",
            "is " + std::to_string(*priority) + "; it is a whole number from " +
                std::to_string(engine::priority_min) + " to " +
                std::to_string(engine::priority_max));
  }
  return static_cast<std::int32_t>(*priority);
}

/// Verbs about one step say which, and why: they decide what is true of the outside world.
void read_step(Verb& verb, const JsonBody& body) {
  verb.step = body.needed_name("step");
  verb.reason = body.needed("reason", reason_bytes_max);
}

std::vector<std::string_view> members_of(Verb::Kind kind) {
  switch (kind) {
    case Verb::Kind::cancel:
    case Verb::Kind::pause:
    case Verb::Kind::resume:
    case Verb::Kind::undo:
    case Verb::Kind::remove:
      return {};
    case Verb::Kind::retry:
    case Verb::Kind::abandon:
      return {"step"};
    case Verb::Kind::skip:
      return {"step", "output"};
    case Verb::Kind::resolve:
      return {"step", "output", "truth"};
    case Verb::Kind::rerun:
      return {"from"};
    case Verb::Kind::priority:
      return {"priority"};
  }
  return {};
}

/// What the request id stands for from now on: all that is asked for, the reason included, for it
/// stands in the journal; not who asks (O1).
engine::ContentHash content_of(const Verb& verb) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.member("verb", engine::name_of(verb.kind));
  json.member("step", verb.step);
  json.member("reason", verb.reason);
  if (!verb.output.empty()) {
    json.member("output", engine::JsonText(engine::canonical(verb.output.view())));
  }
  if (verb.kind == Verb::Kind::resolve) json.member("truth", word_of(verb.truth));
  if (verb.kind == Verb::Kind::priority) json.member("priority", verb.priority);
  json.end_object();
  return content_hash(text);
}

/// But for what tells one request from another.
Verb asked_in(const JsonBody& body, Verb::Kind kind) {
  Verb verb;
  verb.kind = kind;
  verb.actor = body.name("actor");
  verb.reason = body.text("reason", reason_bytes_max);
  if (kind == Verb::Kind::retry) verb.step = body.name("step");
  if (kind == Verb::Kind::rerun) verb.step = body.name("from");
  if (kind == Verb::Kind::priority) verb.priority = priority_of(body);
  if (kind == Verb::Kind::abandon) read_step(verb, body);
  if (kind == Verb::Kind::skip || kind == Verb::Kind::resolve) {
    read_step(verb, body);
    verb.output = body.json("output", body.limits().output_bytes_max);
  }
  if (kind != Verb::Kind::resolve) return verb;
  verb.truth = truth_of(body);
  if (verb.truth != Verb::Truth::done && !verb.output.empty()) {
    invalid("wrong_value", "/output",
            "must be left out: only a step resolved as done has an output");
  }
  return verb;
}

}  // namespace

Verb verb_in(const JsonBody& body, Verb::Kind kind, const std::vector<std::string_view>& also) {
  std::vector<std::string_view> known = members_of(kind);
  known.insert(known.end(), {"request_id", "actor", "reason"});
  known.insert(known.end(), also.begin(), also.end());
  body.allow(known);
  Verb verb = asked_in(body, kind);
  verb.request_id = body.name("request_id");
  if (verb.request_id.empty()) verb.request_id = fresh_id();
  verb.content = content_of(verb);
  return verb;
}

}  // namespace stepd::http
