#include "host/http/json_body.hpp"

#include <Poco/UUID.h>
#include <Poco/UUIDGenerator.h>

#include <algorithm>
#include <charconv>

#include "host/engine/json_check.hpp"
#include "host/engine/json_cursor.hpp"
#include "host/engine/json_value.hpp"
#include "host/http/text.hpp"

namespace stepd::http {

void invalid(std::string code, std::string pointer, std::string message) {
  throw Refusal(job_refused({{std::move(code), std::move(pointer), std::move(message)}}));
}

JsonBody::JsonBody(std::string_view text, const engine::Limits& limits)
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

void JsonBody::allow(const std::vector<std::string_view>& names) const {
  if (text_.empty()) return;
  engine::JsonCursor cursor(text_);
  cursor.open();
  while (cursor.more()) {
    const std::string name = engine::unquoted(cursor.key());
    cursor.take();
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      invalid("unknown_member", "/" + name, "is no member that is known here");
    }
  }
}

std::string JsonBody::text(std::string_view name, std::size_t bytes_max) const {
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

std::string JsonBody::needed(std::string_view member, std::size_t bytes_max) const {
  std::string value = text(member, bytes_max);
  if (value.empty()) {
    invalid("missing_member", "/" + std::string(member), "is needed here, and not empty");
  }
  return value;
}

engine::JsonText JsonBody::json(std::string_view name, std::size_t bytes_max) const {
  const std::string_view text = member(name);
  if (text.size() > bytes_max) {
    invalid("too_large", "/" + std::string(name),
            "has " + std::to_string(text.size()) + " bytes; at most " + std::to_string(bytes_max) +
                " are kept");
  }
  return engine::JsonText(engine::without_blanks(text));
}

std::optional<std::int64_t> JsonBody::whole_number(std::string_view name) const {
  const std::string_view value = member(name);
  if (value.empty() || value == "null") return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) {
    invalid("wrong_type", "/" + std::string(name), "must be a whole number");
  }
  return number;
}

std::string_view JsonBody::member(std::string_view name) const {
  return text_.empty() ? text_ : engine::child(text_, name);
}

JsonBody json_body_of(const Scope& scope, Request& request) {
  constexpr std::size_t other_members_bytes_max = 64 * 1024;
  request.query.done();
  const engine::Limits& limits = scope.settings.limits;
  return {request.body.all(limits.output_bytes_max + other_members_bytes_max), limits};
}

std::string fresh_id() { return Poco::UUIDGenerator().createRandom().toString(); }

}  // namespace stepd::http
