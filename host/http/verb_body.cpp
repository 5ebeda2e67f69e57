#include "host/http/verb_body.hpp"

#include <Poco/UUID.h>
#include <Poco/UUIDGenerator.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "host/engine/json_check.hpp"
#include "host/engine/json_cursor.hpp"
#include "host/engine/json_value.hpp"
#include "host/engine/record.hpp"

namespace stepd::http {
namespace {

using engine::Verb;

constexpr std::size_t reason_bytes_max = 4096;

std::string fresh_request_id() { return Poco::UUIDGenerator().createRandom().toString(); }

Verb::Truth truth_of(const VerbBody& body) {
  const std::string truth = body.name("truth");
  if (truth.empty() || truth == "done") return Verb::Truth::done;
  if (truth == "none") return Verb::Truth::none;
  if (truth == "undone") return Verb::Truth::undone;
  invalid("wrong_value", "/truth", "is \"" + truth + "\"; it is done, none or undone");
}

std::int32_t priority_of(const VerbBody& body) {
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
void read_step(Verb& verb, const VerbBody& body) {
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

}  // namespace

void invalid(std::string code, std::string pointer, std::string message) {
  throw Refusal(job_refused({{std::move(code), std::move(pointer), std::move(message)}}));
}

VerbBody::VerbBody(std::string_view text, const engine::Limits& limits)
    : text_(text), limits_(limits) {
  if (text.empty()) return;
  if (const auto fault = engine::find_fault(text, limits.json_depth_max)) {
    invalid(fault->code, fault->pointer, fault->message);
  }
  engine::JsonCursor cursor(text);
  if (cursor.kind() != engine::JsonCursor::Kind::object) {
    invalid("wrong_type", "", "the body must be an object");
  }
}

void VerbBody::allow(const std::vector<std::string_view>& names) const {
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

std::string_view VerbBody::member(std::string_view name) const {
  return text_.empty() ? text_ : engine::child(text_, name);
}

std::string VerbBody::text(std::string_view name, std::size_t bytes_max) const {
  const std::string_view value = member(name);
  if (value.empty() || value == "null") return {};
  const std::string pointer = "/" + std::string(name);
  if (value.front() != '"') invalid("wrong_type", pointer, "must be a text");
  std::string text = engine::unquoted(value);
  if (text.size() > bytes_max) {
    invalid("too_long", pointer,
            "has " + std::to_string(text.size()) + " bytes; at most " + std::to_string(bytes_max) +
                " are taken");
  }
  return text;
}

std::string VerbBody::name(std::string_view member) const {
  return text(member, limits_.name_bytes_max);
}

std::string VerbBody::needed(std::string_view member, std::size_t bytes_max) const {
  std::string value = text(member, bytes_max);
  if (value.empty()) {
    invalid("missing_member", "/" + std::string(member), "is needed by this verb, and not empty");
  }
  return value;
}

std::string VerbBody::needed_name(std::string_view member) const {
  return needed(member, limits_.name_bytes_max);
}

std::optional<std::int64_t> VerbBody::whole_number(std::string_view name) const {
  const std::string_view value = member(name);
  if (value.empty() || value == "null") return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) {
    invalid("wrong_type", "/" + std::string(name), "must be a whole number");
  }
  return number;
}

engine::JsonText VerbBody::output() const {
  const std::string_view text = member("output");
  if (text.size() > limits_.output_bytes_max) {
    invalid("too_large", "/output",
            "has " + std::to_string(text.size()) + " bytes; at most " +
                std::to_string(limits_.output_bytes_max) + " are kept");
  }
  return engine::JsonText(engine::without_blanks(text));
}

Verb verb_in(const VerbBody& body, Verb::Kind kind, const std::vector<std::string_view>& also) {
  std::vector<std::string_view> known = members_of(kind);
  known.insert(known.end(), {"request_id", "actor", "reason"});
  known.insert(known.end(), also.begin(), also.end());
  body.allow(known);
  Verb verb;
  verb.kind = kind;
  verb.request_id = body.name("request_id");
  if (verb.request_id.empty()) verb.request_id = fresh_request_id();
  verb.actor = body.name("actor");
  verb.reason = body.text("reason", reason_bytes_max);
  if (kind == Verb::Kind::retry) verb.step = body.name("step");
  if (kind == Verb::Kind::rerun) verb.step = body.name("from");
  if (kind == Verb::Kind::priority) verb.priority = priority_of(body);
  if (kind == Verb::Kind::abandon) read_step(verb, body);
  if (kind == Verb::Kind::skip || kind == Verb::Kind::resolve) {
    read_step(verb, body);
    verb.output = body.output();
  }
  if (kind != Verb::Kind::resolve) return verb;
  verb.truth = truth_of(body);
  if (verb.truth != Verb::Truth::done && !verb.output.empty()) {
    invalid("wrong_value", "/output",
            "must be left out: only a step resolved as done has an output");
  }
  return verb;
}

}  // namespace stepd::http
