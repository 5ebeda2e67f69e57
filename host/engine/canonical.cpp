#include "host/engine/canonical.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>
#include <vector>

#include "host/engine/json_cursor.hpp"

namespace stepd::engine {
namespace {

void append_canonical(std::string& to, JsonCursor& cursor);

bool has_escapes(std::string_view literal) { return literal.find('\\') != std::string_view::npos; }

/// A literal without escapes is its own canonical text.
void append_literal(std::string& to, std::string_view literal) {
  if (has_escapes(literal)) {
    append_quoted(to, unquoted(literal));
  } else {
    to.append(literal);
  }
}

/// A member as it has been appended: its name, and where its text begins and ends.
struct Member {
  std::string name;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Members are appended in the order they come in, then brought into the order of their names.
void append_object(std::string& to, JsonCursor& cursor) {
  std::vector<Member> members;
  members.reserve(8);
  to.push_back('{');
  const std::size_t begin = to.size();
  cursor.open();
  while (cursor.more()) {
    const std::string_view key = cursor.key();
    const std::size_t start = to.size();
    append_literal(to, key);
    to.push_back(':');
    append_canonical(to, cursor);
    to.push_back(',');
    members.push_back({unquoted(key), start, to.size()});
  }
  if (!std::ranges::is_sorted(members, {}, &Member::name)) {
    const std::string as_sent = to.substr(begin);
    std::ranges::sort(members, {}, &Member::name);
    to.resize(begin);
    for (const Member& member : members) {
      to.append(as_sent, member.begin - begin, member.end - member.begin);
    }
  }
  to.push_back('}');
}

void append_array(std::string& to, JsonCursor& cursor) {
  cursor.open();
  to.push_back('[');
  for (bool first = true; cursor.more(); first = false) {
    if (!first) to.push_back(',');
    append_canonical(to, cursor);
  }
  to.push_back(']');
}

void append_canonical(std::string& to, JsonCursor& cursor) {
  switch (cursor.kind()) {
    case JsonCursor::Kind::object:
      return append_object(to, cursor);
    case JsonCursor::Kind::array:
      return append_array(to, cursor);
    case JsonCursor::Kind::string:
      return append_literal(to, cursor.take());
    case JsonCursor::Kind::number:
      to.append(canonical_number(cursor.take()));
      return;
    case JsonCursor::Kind::boolean:
    case JsonCursor::Kind::null:
      to.append(cursor.take());
      return;
  }
}

}  // namespace

std::string canonical(std::string_view json) {
  std::string text;
  text.reserve(json.size());
  JsonCursor cursor(json);
  append_canonical(text, cursor);
  return text;
}

std::string canonical_number(std::string_view number) {
  const bool negative = number.starts_with('-');
  if (negative) number.remove_prefix(1);
  const std::size_t exponent_mark = std::min(number.find_first_of("eE"), number.size());
  const std::string_view mantissa = number.substr(0, exponent_mark);
  std::string_view power = number.substr(std::min(exponent_mark + 1, number.size()));
  if (power.starts_with('+')) power.remove_prefix(1);
  std::int64_t exponent = 0;
  std::from_chars(power.data(), power.data() + power.size(), exponent);

  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  std::string digits(mantissa.substr(0, point));
  if (point < mantissa.size()) digits += mantissa.substr(point + 1);
  exponent -= static_cast<std::int64_t>(digits.size() - point);

  const std::size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) return "0";
  const std::size_t last = digits.find_last_not_of('0');
  exponent += static_cast<std::int64_t>(digits.size() - 1 - last);
  return (negative ? "-" : "") + digits.substr(first, last + 1 - first) + "e" +
         std::to_string(exponent);
}

}  // namespace stepd::engine
