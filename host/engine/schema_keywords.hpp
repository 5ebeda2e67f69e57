#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string_view>

namespace stepd::engine {

/// What a keyword of a schema takes; private to the schema check.
enum class Takes {
  annotation,  // said for people; of `format` some values are checked (text_format.hpp)
  schema,
  schemas,        // a list of them
  named_schemas,  // an object of them
  reference,      // "#" or "#/…", into the same schema
  types,          // a name of a type, or a list of them
  names,          // a list of text
  values,         // a list of anything
  value,
  number,
  positive_number,
  count,  // a whole number from 0
  flag
};

/// Absent for a keyword that is not checked here.
[[nodiscard]] std::optional<Takes> takes(std::string_view keyword);

/// What a reference within a schema points at; nullptr: nothing.
[[nodiscard]] const boost::json::value* schema_at(const boost::json::value& root,
                                                  std::string_view reference);

/// JSON's name for a type, in words a person uses: "integer" is "a whole number".
[[nodiscard]] std::string_view in_words(std::string_view type);

/// True when the value is of the type a schema names so.
[[nodiscard]] bool is_of_type(const boost::json::value& value, std::string_view type);

[[nodiscard]] std::string_view type_in_words(const boost::json::value& value);

}  // namespace stepd::engine
