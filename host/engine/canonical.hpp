#pragma once

#include <string>
#include <string_view>

namespace stepd::engine {

/// One text for all ways of writing the same JSON value: members sorted by name, no blanks, no
/// needless escapes, and numbers by their exact decimal value, so that 1, 1.0 and 10e-1 are one
/// (two programs, or two builds of one, print the same order differently) while 0.1 and
/// 0.10000000000000000001 are two (J3). The JSON must be valid (`find_fault`).
[[nodiscard]] std::string canonical(std::string_view json);

/// The same number, as digits without zeros at either end and a power of ten: "25e2".
[[nodiscard]] std::string canonical_number(std::string_view number);

}  // namespace stepd::engine
