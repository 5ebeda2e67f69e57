#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Reading the daemon's JSON and writing JSON for people. A daemon may be newer or older than this
/// program: whatever a document lacks reads as empty.
namespace stepd::stepctl {

namespace json = boost::json;

/// Absent where the text is no JSON.
[[nodiscard]] std::optional<json::value> parse_json(std::string_view text);
/// The same, and absent also where it is no object.
[[nodiscard]] std::optional<json::object> parse_object(std::string_view text);

/// The member, unless it is absent or null.
[[nodiscard]] const json::value* member(const json::object& object, std::string_view name);
/// A text member; numbers and booleans as text; else empty.
[[nodiscard]] std::string text_at(const json::object& object, std::string_view name);
[[nodiscard]] std::int64_t number_at(const json::object& object, std::string_view name);
[[nodiscard]] bool true_at(const json::object& object, std::string_view name);
[[nodiscard]] const json::array& list_at(const json::object& object, std::string_view name);
[[nodiscard]] const json::object& object_at(const json::object& object, std::string_view name);

/// JSON text with line breaks and two blanks of indent, ended by a newline. Works on the text
/// alone, so numbers and strings stay exactly what they were.
[[nodiscard]] std::string indented(std::string_view text);
/// JSON text on one line without blanks outside of strings, numbers untouched likewise.
[[nodiscard]] std::string compact(std::string_view text);
/// A value on one line; 1.5 is written as 1.5.
[[nodiscard]] std::string one_line(const json::value& value);

/// "code: message" of an error of a step; empty where there is none.
[[nodiscard]] std::string error_text(const json::object& holder, std::string_view name = "error");

}  // namespace stepd::stepctl
