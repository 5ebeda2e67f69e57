#pragma once

#include <string>

namespace boost::json {
class value;
}

namespace stepd::engine {

[[nodiscard]] bool is_number(const boost::json::value& value);

/// A number's value. A long double holds every 64-bit integer and every double exactly.
[[nodiscard]] long double number_in(const boost::json::value& value);

/// Equal as JSON values: numbers by value (1 is 1.0), members in any order.
[[nodiscard]] bool are_same(const boost::json::value& left, const boost::json::value& right);

/// A text that two values share exactly when they are the same.
[[nodiscard]] std::string comparable(const boost::json::value& value);

}  // namespace stepd::engine
