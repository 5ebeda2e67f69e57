#include "tools/stepctl/json_text.hpp"

#include <array>
#include <charconv>

namespace stepd::stepctl {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// The end of the string that begins at `at`, its closing quote included.
std::size_t string_end(std::string_view text, std::size_t at) {
  for (std::size_t next = at + 1; next < text.size(); ++next) {
    if (text[next] == '\\') {
      ++next;
    } else if (text[next] == '"') {
      return next + 1;
    }
  }
  return text.size();
}

void append_value(std::string& text, const json::value& value);

void append_double(std::string& text, double number) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  text.append(digits.data(), end);
}

void append_object(std::string& text, const json::object& object) {
  text += '{';
  bool first = true;
  for (const auto& [name, value] : object) {
    if (!first) text += ',';
    first = false;
    text.append(json::serialize(json::string(name))).append(1, ':');
    append_value(text, value);
  }
  text += '}';
}

void append_array(std::string& text, const json::array& array) {
  text += '[';
  for (std::size_t at = 0; at < array.size(); ++at) {
    if (at > 0) text += ',';
    append_value(text, array[at]);
  }
  text += ']';
}

void append_value(std::string& text, const json::value& value) {
  if (const auto* object = value.if_object()) return append_object(text, *object);
  if (const auto* array = value.if_array()) return append_array(text, *array);
  if (const auto* number = value.if_double()) return append_double(text, *number);
  text += json::serialize(value);
}

}  // namespace

std::optional<json::value> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = 512;
  json::error_code trouble;
  json::value value = json::parse(text, trouble, {}, options);
  if (trouble) return std::nullopt;
  return value;
}

std::optional<json::object> parse_object(std::string_view text) {
  std::optional<json::value> value = parse_json(text);
  if (!value || !value->is_object()) return std::nullopt;
  return std::move(value->get_object());
}

const json::value* member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string text_at(const json::object& object, std::string_view name) {
  const json::value* value = member(object, name);
  if (value == nullptr || value->is_structured()) return {};
  if (const auto* text = value->if_string()) return {text->data(), text->size()};
  return one_line(*value);
}

std::int64_t number_at(const json::object& object, std::string_view name) {
  const json::value* value = member(object, name);
  if (value == nullptr) return 0;
  if (const auto* number = value->if_int64()) return *number;
  if (const auto* number = value->if_double()) return static_cast<std::int64_t>(*number);
  return 0;
}

bool true_at(const json::object& object, std::string_view name) {
  const json::value* value = member(object, name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

const json::array& list_at(const json::object& object, std::string_view name) {
  static const json::array empty;
  const json::value* value = member(object, name);
  return value != nullptr && value->is_array() ? value->get_array() : empty;
}

const json::object& object_at(const json::object& object, std::string_view name) {
  static const json::object empty;
  const json::value* value = member(object, name);
  return value != nullptr && value->is_object() ? value->get_object() : empty;
}

std::string indented(std::string_view text) {
  std::string result;
  std::size_t depth = 0;
  const auto new_line = [&] { result.append(1, '\n').append(depth * 2, ' '); };
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"') {
      const std::size_t end = string_end(text, at);
      result.append(text.substr(at, end - at));
      at = end;
      continue;
    }
    ++at;
    if (is_blank(c)) continue;
    if (c == '{' || c == '[') {
      result += c;
      while (at < text.size() && is_blank(text[at])) ++at;
      const bool empty = at < text.size() && (text[at] == '}' || text[at] == ']');
      if (empty) {
        result += text[at++];
        continue;
      }
      ++depth;
      new_line();
    } else if (c == '}' || c == ']') {
      if (depth > 0) --depth;
      new_line();
      result += c;
    } else if (c == ',') {
      result += c;
      new_line();
    } else if (c == ':') {
      result += ": ";
    } else {
      result += c;
    }
  }
  return result + "\n";
}

std::string compact(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '"') {
      const std::size_t end = string_end(text, at);
      result.append(text.substr(at, end - at));
      at = end;
    } else {
      if (!is_blank(text[at])) result += text[at];
      ++at;
    }
  }
  return result;
}

std::string one_line(const json::value& value) {
  std::string text;
  append_value(text, value);
  return text;
}

std::string error_text(const json::object& holder, std::string_view name) {
  const json::value* value = member(holder, name);
  if (value == nullptr) return {};
  if (!value->is_object()) return text_at(holder, name);
  const json::object& error = value->get_object();
  const std::string code = text_at(error, "code");
  const std::string message = text_at(error, "message");
  if (code.empty() || message.empty()) return code + message;
  return code + ": " + message;
}

}  // namespace stepd::stepctl
