#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include "host/engine/json_text.hpp"
#include "host/engine/validate.hpp"

namespace stepd::http {

/// Appends JSON to a text, in the order it is told. It exists because most of what is shown is JSON
/// text already (arguments, outputs) and goes through as it is, without being read again.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out), start_(out.size()) {}

  void begin_object() { open('{'); }
  void end_object() { out_ += '}'; }
  void begin_array() { open('['); }
  void end_array() { out_ += ']'; }

  void key(std::string_view name);
  /// Bytes that are no UTF-8 become U+FFFD: a plugin's file name may hold anything.
  void text(std::string_view value);
  void number(double value);
  void null() { literal("null"); }
  void boolean(bool value) { literal(value ? "true" : "false"); }
  /// JSON as it is; absent: null.
  void json(const engine::JsonText& value) { literal(value.empty() ? "null" : value.view()); }
  template <std::integral T>
  requires(!std::same_as<T, bool>) void integer(T value) { literal(std::to_string(value)); }

  void member(std::string_view name, std::string_view value) { key(name), text(value); }
  void member(std::string_view name, const char* value) { key(name), text(value); }
  void member(std::string_view name, const std::string& value) { key(name), text(value); }
  void member(std::string_view name, const engine::JsonText& value) { key(name), json(value); }
  void member(std::string_view name, std::nullptr_t) { key(name), null(); }
  template <std::same_as<bool> T>
  void member(std::string_view name, T value) {
    key(name), boolean(value);
  }
  template <std::integral T>
  requires(!std::same_as<T, bool>) void member(std::string_view name, T value) {
    key(name), integer(value);
  }
  /// Empty: null.
  void member_or_null(std::string_view name, std::string_view value);

 private:
  void comma();
  void open(char bracket);
  void literal(std::string_view value);

  std::string& out_;
  std::size_t start_;
};

/// A list of `{"code","pointer","message"}`.
void write_problems(JsonWriter& json, const std::vector<engine::Problem>& problems);

}  // namespace stepd::http
