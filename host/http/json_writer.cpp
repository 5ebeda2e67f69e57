#include "host/http/json_writer.hpp"

#include <array>
#include <charconv>
#include <cstdint>

namespace stepd::http {
namespace {

/// How many bytes the UTF-8 character at the front takes (RFC 3629); 0: it is none.
std::size_t character_bytes(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
  const auto follows = [&](std::size_t at) { return at < text.size() && (byte(at) >> 6U) == 2U; };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!follows(1) || !follows(2)) return 0;
    const bool overlong = first == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = first == 0xED && byte(1) > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    const bool overlong = first == 0xF0 && byte(1) < 0x90;
    const bool beyond = first == 0xF4 && byte(1) > 0x8F;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

void append_control(std::string& out, char character) {
  constexpr std::string_view digits = "0123456789abcdef";
  switch (character) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  const auto value = static_cast<std::uint8_t>(character);
  out += "\\u00";
  out += digits[value >> 4U];
  out += digits[value & 15U];
}

bool is_plain(char character) {
  const auto value = static_cast<std::uint8_t>(character);
  return value >= 0x20 && value < 0x7F && character != '"' && character != '\\';
}

}  // namespace

void JsonWriter::comma() {
  if (out_.size() == start_) return;
  const char last = out_.back();
  if (last != '{' && last != '[' && last != ':') out_ += ',';
}

void JsonWriter::open(char bracket) {
  comma();
  out_ += bracket;
}

void JsonWriter::literal(std::string_view value) {
  comma();
  out_ += value;
}

void JsonWriter::key(std::string_view name) {
  text(name);
  out_ += ':';
}

void JsonWriter::text(std::string_view value) {
  comma();
  out_ += '"';
  while (!value.empty()) {
    std::size_t plain = 0;
    while (plain < value.size() && is_plain(value[plain])) ++plain;
    out_ += value.substr(0, plain);
    value.remove_prefix(plain);
    if (value.empty()) break;
    std::size_t taken = 1;
    if (value[0] == '"' || value[0] == '\\') {
      out_ += '\\';
      out_ += value[0];
    } else if (static_cast<std::uint8_t>(value[0]) < 0x20) {
      append_control(out_, value[0]);
    } else if (const std::size_t bytes = character_bytes(value); bytes > 0) {
      out_ += value.substr(0, bytes);
      taken = bytes;
    } else {
      out_ += "\xEF\xBF\xBD";
    }
    value.remove_prefix(taken);
  }
  out_ += '"';
}

void JsonWriter::number(double value) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  literal({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

void JsonWriter::member_or_null(std::string_view name, std::string_view value) {
  key(name);
  value.empty() ? null() : text(value);
}

void write_problems(JsonWriter& json, const std::vector<engine::Problem>& problems) {
  json.begin_array();
  for (const engine::Problem& problem : problems) {
    json.begin_object();
    json.member("code", problem.code);
    json.member("pointer", problem.pointer);
    json.member("message", problem.message);
    json.end_object();
  }
  json.end_array();
}

}  // namespace stepd::http
