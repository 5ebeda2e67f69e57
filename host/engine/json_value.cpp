#include "host/engine/json_value.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <system_error>
#include <utility>

#include "host/engine/json_cursor.hpp"

namespace stepd::engine {
namespace {

namespace json = boost::json;

// Braces would make an array of what is in them: values are built with parentheses here.

json::value number_of(std::string_view text, const json::storage_ptr& storage) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const bool negative_zero = text == "-0";
  std::int64_t whole = 0;
  if (const auto read = std::from_chars(begin, end, whole);
      read.ec == std::errc{} && read.ptr == end && !negative_zero) {
    return json::value(whole, storage);
  }
  std::uint64_t large = 0;
  if (const auto read = std::from_chars(begin, end, large);
      read.ec == std::errc{} && read.ptr == end) {
    return json::value(large, storage);
  }
  double fraction = 0;
  std::from_chars(begin, end, fraction);
  return json::value(fraction, storage);
}

json::value taken(JsonCursor& cursor, const json::storage_ptr& storage) {
  switch (cursor.kind()) {
    case JsonCursor::Kind::null:
      cursor.take();
      return json::value(storage);
    case JsonCursor::Kind::boolean:
      return json::value(cursor.take() == "true", storage);
    case JsonCursor::Kind::number:
      return number_of(cursor.take(), storage);
    case JsonCursor::Kind::string:
      return json::value(json::string(unquoted(cursor.take()), storage));
    case JsonCursor::Kind::array: {
      json::array elements(storage);
      cursor.open();
      while (cursor.more()) elements.push_back(taken(cursor, storage));
      return elements;
    }
    case JsonCursor::Kind::object: {
      json::object members(storage);
      cursor.open();
      while (cursor.more()) {
        const std::string key = unquoted(cursor.key());
        members.insert_or_assign(key, taken(cursor, storage));
      }
      return members;
    }
  }
  return json::value(storage);
}

template <class Number>
void append_number(std::string& to, Number number) {
  std::array<char, 32> digits{};
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  to.append(digits.data(), written.ptr);
}

void append(std::string& to, const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      to.append("null");
      return;
    case json::kind::bool_:
      to.append(value.get_bool() ? "true" : "false");
      return;
    case json::kind::int64:
      return append_number(to, value.get_int64());
    case json::kind::uint64:
      return append_number(to, value.get_uint64());
    case json::kind::double_:
      return append_number(to, value.get_double());
    case json::kind::string:
      return append_quoted(to, value.get_string());
    case json::kind::array: {
      to.push_back('[');
      for (const json::value& element : value.get_array()) {
        if (&element != &value.get_array().front()) to.push_back(',');
        append(to, element);
      }
      to.push_back(']');
      return;
    }
    case json::kind::object: {
      to.push_back('{');
      bool first = true;
      for (const auto& [key, member] : value.get_object()) {
        if (!std::exchange(first, false)) to.push_back(',');
        append_quoted(to, key);
        to.push_back(':');
        append(to, member);
      }
      to.push_back('}');
      return;
    }
  }
}

}  // namespace

json::value value_of(std::string_view json, json::storage_ptr storage) {
  JsonCursor cursor(json);
  return taken(cursor, storage);
}

std::string text_of(const json::value& value) {
  std::string text;
  append(text, value);
  return text;
}

}  // namespace stepd::engine
