#pragma once

#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/mp11/algorithm.hpp>
#include <chrono>
#include <cmath>
#include <stepd/bad_value.hpp>
#include <stepd/described.hpp>
#include <stepd/duration_text.hpp>
#include <stepd/nothing.hpp>
#include <string>
#include <type_traits>
#include <utility>

namespace stepd::detail {

template <class T>
boost::json::value json_of(const T& from, const ValuePath& path,
                           const boost::json::storage_ptr& in);

template <DescribedStruct T>
boost::json::value json_of_members(const T& from, const ValuePath& path,
                                   const boost::json::storage_ptr& in) {
  boost::json::object object(in);
  boost::mp11::mp_for_each<Members<T>>([&](auto member) {
    object.emplace(member.name, json_of(from.*member.pointer, ValuePath(path, member.name), in));
  });
  return object;
}

template <class Map>
boost::json::value json_of_map(const Map& from, const ValuePath& path,
                               const boost::json::storage_ptr& in) {
  boost::json::object object(in);
  for (const auto& [key, value] : from) {
    object.emplace(key, json_of(value, ValuePath(path, key), in));
  }
  return object;
}

template <class List>
boost::json::value json_of_list(const List& from, const ValuePath& path,
                                const boost::json::storage_ptr& in) {
  using Element = typename List::value_type;
  boost::json::array array(in);
  array.reserve(from.size());
  for (const Element& element : from) {
    array.push_back(json_of(element, ValuePath(path, array.size()), in));
  }
  return array;
}

template <DescribedEnum T>
boost::json::value json_of_enum(T from, const ValuePath& path, const boost::json::storage_ptr& in) {
  const char* const name = boost::describe::enum_to_string(from, nullptr);
  if (name == nullptr) throw BadValue(path.pointer(), "is none of the enumerators");
  return boost::json::value(name, in);
}

template <class T>
boost::json::value json_of(const T& from, const ValuePath& path,
                           const boost::json::storage_ptr& in) {
  if constexpr (AnyJson<T>) {
    return boost::json::value(from, in);
  } else if constexpr (is_optional<T>) {
    return from ? json_of(*from, path, in) : boost::json::value(nullptr, in);
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(from)) throw BadValue(path.pointer(), "must be a finite number");
    return boost::json::value(static_cast<double>(from), in);
  } else if constexpr (std::is_same_v<T, bool> || WholeNumber<T> ||
                       std::is_same_v<T, std::string>) {
    return boost::json::value(from, in);
  } else if constexpr (is_duration<T>) {
    const auto exact = std::chrono::duration_cast<std::chrono::microseconds>(from);
    return boost::json::value(boost::json::string(duration_text(exact), in));
  } else if constexpr (is_list<T>) {
    return json_of_list(from, path, in);
  } else if constexpr (is_string_map<T>) {
    return json_of_map(from, path, in);
  } else if constexpr (DescribedEnum<T>) {
    return json_of_enum(from, path, in);
  } else if constexpr (DescribedStruct<T>) {
    return json_of_members(from, path, in);
  } else {
    static_assert(has_no_json_form<T>,
                  "stepd: this type has no JSON form; describe a struct with "
                  "BOOST_DESCRIBE_STRUCT, an enum with BOOST_DESCRIBE_ENUM");
  }
}

/// The value as JSON text. Throws BadValue for what JSON cannot say (a number that is not finite).
template <class T>
[[nodiscard]] std::string json_text_of(const T& value) {
  if constexpr (std::is_same_v<T, Nothing>) {
    return "{}";
  } else {
    unsigned char nearby[2048];
    boost::json::monotonic_resource memory(nearby);
    return boost::json::serialize(json_of(value, ValuePath(), &memory));
  }
}

}  // namespace stepd::detail
