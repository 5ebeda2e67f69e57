#include "host/engine/json_compare.hpp"

#include <algorithm>
#include <boost/json/value.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "host/engine/json_cursor.hpp"
#include "host/engine/json_value.hpp"

namespace stepd::engine {
namespace {

namespace json = boost::json;

static_assert(std::numeric_limits<long double>::digits >= 64);

std::string comparable_number(const json::value& value) {
  if (!value.is_double()) return text_of(value);
  const double number = value.get_double();
  constexpr double whole_end = 18446744073709551616.0;  // 2^64
  if (std::trunc(number) != number || number <= -whole_end / 2 || number >= whole_end) {
    return text_of(value);
  }
  return number < 0 ? std::to_string(static_cast<std::int64_t>(number))
                    : std::to_string(static_cast<std::uint64_t>(number));
}

void append(std::string& to, const json::value& value) {
  if (value.is_array()) {
    to.push_back('[');
    for (const json::value& element : value.get_array()) {
      append(to, element);
      to.push_back(',');
    }
    to.push_back(']');
  } else if (value.is_object()) {
    std::vector<const json::key_value_pair*> members;
    for (const auto& member : value.get_object()) members.push_back(&member);
    std::ranges::sort(members, {}, [](const auto* member) {
      return std::string_view(member->key().data(), member->key().size());
    });
    to.push_back('{');
    for (const auto* member : members) {
      append_quoted(to, member->key());
      to.push_back(':');
      append(to, member->value());
      to.push_back(',');
    }
    to.push_back('}');
  } else {
    to.append(is_number(value) ? comparable_number(value) : text_of(value));
  }
}

}  // namespace

bool is_number(const json::value& value) {
  return value.is_int64() || value.is_uint64() || value.is_double();
}

long double number_in(const json::value& value) {
  if (value.is_int64()) return static_cast<long double>(value.get_int64());
  if (value.is_uint64()) return static_cast<long double>(value.get_uint64());
  return value.is_double() ? static_cast<long double>(value.get_double()) : 0.0L;
}

bool are_same(const json::value& left, const json::value& right) {
  if (is_number(left) && is_number(right)) return number_in(left) == number_in(right);
  if (left.is_string() && right.is_string()) return left.get_string() == right.get_string();
  return comparable(left) == comparable(right);
}

std::string comparable(const json::value& value) {
  std::string text;
  append(text, value);
  return text;
}

}  // namespace stepd::engine
