#pragma once

#include <boost/json/storage_ptr.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

namespace stepd::engine {

/// The value of a JSON text known to be valid. Fractions are the doubles nearest to what was
/// written and come out again as they went in; Boost.JSON 1.81 reads some 4 % of them one bit off.
/// Whole numbers beyond 64 bits become doubles.
[[nodiscard]] boost::json::value value_of(std::string_view json,
                                          boost::json::storage_ptr storage = {});

/// A value as text without blanks; the shortest text that reads back as the same number.
[[nodiscard]] std::string text_of(const boost::json::value& value);

}  // namespace stepd::engine
