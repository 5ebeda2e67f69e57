#pragma once

#include <boost/json/object.hpp>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "host/engine/catalogue.hpp"

namespace stepd::workshop {

/// Chance that repeats itself with its seed.
using Chance = std::mt19937_64;

struct NoExample {
  std::string why;
};
/// Arguments that fit the type's schema, with their defaults.
[[nodiscard]] std::variant<boost::json::object, NoExample> example_arguments(
    const engine::StepType& type);

/// Arguments as bytes, and what is odd about them.
struct OddArguments {
  std::string what;
  std::string bytes;
};
/// Each fails the schema in another way; none when anything fits it.
[[nodiscard]] std::vector<OddArguments> wrong_arguments(const engine::StepType& type,
                                                        const boost::json::object& example,
                                                        Chance& chance);
/// No members at all, and empty texts and lists.
[[nodiscard]] std::vector<OddArguments> empty_arguments(const boost::json::object& example);
/// Texts and lists as long as a job's arguments may be; none where there is no place for them.
[[nodiscard]] std::vector<OddArguments> huge_arguments(const engine::StepType& type,
                                                       const boost::json::object& example);
/// Bytes in texts, or in a member's name, that are no UTF-8.
[[nodiscard]] std::vector<OddArguments> broken_arguments(const boost::json::object& example,
                                                         Chance& chance);

}  // namespace stepd::workshop
