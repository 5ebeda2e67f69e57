#pragma once

#include <boost/json/value.hpp>
#include <string>

namespace stepd::rehearsal {

/// The part of a JSON Schema that is about the member or element `token`; empty where it says
/// nothing. `root` holds what `$ref`s of the schema point at.
[[nodiscard]] const boost::json::object& schema_of_child(const boost::json::object& schema,
                                                         const boost::json::object& root,
                                                         const std::string& token);

/// A value that fits the schema, as far as a guess can: what is required, with its default, first
/// choice, or something of its type that is not empty.
[[nodiscard]] boost::json::value example_value(const boost::json::object& schema,
                                               const boost::json::object& root);

}  // namespace stepd::rehearsal
