#pragma once

#include <boost/describe.hpp>
#include <type_traits>

namespace stepd {

/// The arguments of a step that takes none and the output of one that returns void: `{}`.
struct Nothing {
  friend bool operator==(const Nothing&, const Nothing&) = default;
};
BOOST_DESCRIBE_STRUCT(Nothing, (), ())

/// void written as a value.
template <class T>
using Valued = std::conditional_t<std::is_void_v<T>, Nothing, T>;

}  // namespace stepd
