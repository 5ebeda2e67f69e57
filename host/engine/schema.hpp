#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/engine/validate.hpp"

namespace boost::json {
class value;
}

namespace stepd::engine {

/// Checks a value against a JSON Schema (2020-12, the keywords named in this room's README) and
/// fills in the defaults of absent members, once, in place. `pointer` is where the value stands;
/// it prefixes the problems' pointers. While `references_fit` is set, a `{"$ref": …}` object is
/// taken for any type and a `{"$literal": …}` for what it holds.
struct SchemaCheck {
  std::string pointer{};
  bool references_fit = false;
};
struct SchemaVerdict {
  std::vector<Problem> problems{};
  bool completed = false;  // a default was filled in
};
[[nodiscard]] SchemaVerdict check_and_complete(boost::json::value& value,
                                               const boost::json::value& schema,
                                               const SchemaCheck& how);

/// Whether the schema says of every value that fits that it has nothing at this place, a path of
/// members and elements: what is named there could never be read.
[[nodiscard]] bool rules_out(const boost::json::value& schema, std::span<const std::string> path);

/// What a step type's schema holds that would not be checked, each with its place: keywords unknown
/// or not supported, and values a keyword does not take. A plugin using them is refused.
[[nodiscard]] std::vector<std::string> unsupported_keywords(const boost::json::value& schema);

}  // namespace stepd::engine
