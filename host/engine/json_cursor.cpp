#include "host/engine/json_cursor.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "host/engine/json_pointer.hpp"

namespace stepd::engine {
namespace {

bool is_blank(char letter) {
  return letter == ' ' || letter == '\n' || letter == '\t' || letter == '\r';
}

void append_utf8(std::string& to, std::uint32_t point) {
  const auto put = [&](std::uint32_t byte) { to.push_back(static_cast<char>(byte)); };
  if (point < 0x80U) {
    put(point);
  } else if (point < 0x800U) {
    put(0xc0U | (point >> 6U));
    put(0x80U | (point & 0x3fU));
  } else if (point < 0x10000U) {
    put(0xe0U | (point >> 12U));
    put(0x80U | ((point >> 6U) & 0x3fU));
    put(0x80U | (point & 0x3fU));
  } else {
    put(0xf0U | (point >> 18U));
    put(0x80U | ((point >> 12U) & 0x3fU));
    put(0x80U | ((point >> 6U) & 0x3fU));
    put(0x80U | (point & 0x3fU));
  }
}

/// The four digits of a \u escape.
std::uint32_t unit_at(std::string_view text, std::size_t place) {
  std::uint32_t unit = 0;
  if (place + 4 <= text.size()) {
    std::from_chars(text.data() + place, text.data() + place + 4, unit, 16);
  }
  return unit;
}

/// What follows a backslash at `place`; the number of letters it takes up.
std::size_t append_escape(std::string& to, std::string_view text, std::size_t place) {
  constexpr std::string_view letters = "bfnrt";
  constexpr std::string_view meanings = "\b\f\n\r\t";
  const char letter = text[place];
  if (letter != 'u') {
    const std::size_t index = letters.find(letter);
    to.push_back(index == std::string_view::npos ? letter : meanings[index]);
    return 1;
  }
  const std::uint32_t high = unit_at(text, place + 1);
  if (high < 0xd800U || high > 0xdbffU) {
    append_utf8(to, high);
    return 5;
  }
  const std::uint32_t low = unit_at(text, place + 7);
  append_utf8(to, 0x10000U + ((high - 0xd800U) << 10U) + (low - 0xdc00U));
  return 11;
}

std::string_view inside(std::string_view literal) {
  return literal.size() < 2 ? std::string_view{} : literal.substr(1, literal.size() - 2);
}

}  // namespace

JsonCursor::Kind JsonCursor::kind() const {
  switch (now()) {
    case '{':
      return Kind::object;
    case '[':
      return Kind::array;
    case '"':
      return Kind::string;
    case 't':
    case 'f':
      return Kind::boolean;
    case 'n':
      return Kind::null;
    default:
      return Kind::number;
  }
}

std::string_view JsonCursor::take() {
  const std::size_t begin = place();
  switch (kind()) {
    case Kind::object:
    case Kind::array:
      skip_nested();
      break;
    case Kind::string:
      skip_string();
      break;
    default:
      skip_plain();
  }
  return text_.substr(begin, place() - begin);
}

bool JsonCursor::more() {
  skip_blanks();
  switch (now()) {
    case '\0':
      return false;
    case ']':
    case '}':
      ++place_;
      return false;
    case ',':
      ++place_;
      skip_blanks();
      return true;
    default:
      return true;
  }
}

std::string_view JsonCursor::key() {
  const std::size_t begin = place();
  skip_string();
  const std::string_view literal = text_.substr(begin, place() - begin);
  skip_blanks();
  ++place_;  // the colon
  skip_blanks();
  return literal;
}

void JsonCursor::skip_blanks() {
  while (is_blank(now())) ++place_;
}

// The next four look at every byte of every job that comes in; hence pointers and plain loops.

void JsonCursor::skip_string() {
  if (place_ >= text_.size()) return;
  const char* const end = text_.data() + text_.size();
  const char* at = text_.data() + place_ + 1;
  for (; at < end && *at != '"'; ++at) {
    if (*at == '\\' && at + 1 < end) ++at;
  }
  place_ = static_cast<std::size_t>(at - text_.data()) + 1;
}

void JsonCursor::skip_nested() {
  std::size_t depth = 0;
  while (place_ < text_.size()) {
    const char letter = text_[place_];
    if (letter == '"') {
      skip_string();
      continue;
    }
    ++place_;
    if (letter == '{' || letter == '[') {
      ++depth;
    } else if ((letter == '}' || letter == ']') && --depth == 0) {
      return;
    }
  }
}

void JsonCursor::skip_plain() {
  const auto ends = [](char letter) {
    return letter == ',' || letter == '}' || letter == ']' || is_blank(letter);
  };
  ++place_;  // whatever it is, so that every take goes on
  while (place_ < text_.size() && !ends(text_[place_])) ++place_;
}

std::string unquoted(std::string_view literal) {
  const std::string_view text = inside(literal);
  std::string meant;
  meant.reserve(text.size());
  for (std::size_t place = 0; place < text.size();) {
    const std::size_t escape = std::min(text.find('\\', place), text.size());
    meant.append(text.substr(place, escape - place));
    place = escape + 1;
    if (place < text.size()) place += append_escape(meant, text, place);
  }
  return meant;
}

void append_quoted(std::string& to, std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  to.push_back('"');
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\') {
      to.push_back('\\');
      to.push_back(letter);
    } else if (byte >= 0x20U) {
      to.push_back(letter);
    } else {
      to.append("\\u00");
      to.push_back(hex[byte >> 4U]);
      to.push_back(hex[byte & 0xfU]);
    }
  }
  to.push_back('"');
}

std::string in_quotes(std::string_view text) {
  std::string literal;
  literal.reserve(text.size() + 2);
  append_quoted(literal, text);
  return literal;
}

bool stands_for(std::string_view literal, std::string_view text) {
  const std::string_view content = inside(literal);
  return content == text ||
         (content.find('\\') != std::string_view::npos && unquoted(literal) == text);
}

std::string without_blanks(std::string_view json) {
  std::string dense;
  dense.reserve(json.size());
  const char* const end = json.data() + json.size();
  const char* run = json.data();  // of what stays
  const char* at = run;
  bool in_string = false;
  for (; at < end; ++at) {
    if (*at == '"') {
      in_string = !in_string;
    } else if (*at == '\\' && at + 1 < end) {
      ++at;
    } else if (is_blank(*at) && !in_string) {
      dense.append(run, at);
      run = at + 1;
    }
  }
  return dense.append(run, end);
}

std::string_view child(std::string_view value, std::string_view token) {
  JsonCursor cursor(value);
  const bool in_object = cursor.kind() == JsonCursor::Kind::object;
  const auto wanted = array_index(token);
  if (!in_object && (cursor.kind() != JsonCursor::Kind::array || !wanted)) return {};
  cursor.open();
  for (std::size_t index = 0; cursor.more(); ++index) {
    const bool found = in_object ? stands_for(cursor.key(), token) : index == *wanted;
    const std::string_view part = cursor.take();
    if (found) return part;
  }
  return {};
}

}  // namespace stepd::engine
