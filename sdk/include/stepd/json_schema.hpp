#pragma once

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/mp11/algorithm.hpp>
#include <cstdint>
#include <limits>
#include <stepd/defaults.hpp>
#include <stepd/described.hpp>
#include <stepd/duration_text.hpp>
#include <stepd/formats.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace stepd::detail {

/// Writes the JSON Schema (2020-12) of what JsonReader takes for a type with these defaults. A type
/// inside itself is written as `{}`, anything, the second time: the reader still checks it.
class JsonSchema {
 public:
  JsonSchema(const Defaults& defaults, const Formats& formats)
      : defaults_(&defaults), formats_(&formats) {}

  template <class T>
  [[nodiscard]] boost::json::object of() {
    if constexpr (std::is_same_v<T, boost::json::value>) {
      return {};
    } else if constexpr (std::is_same_v<T, boost::json::object>) {
      return {{"type", "object"}};
    } else if constexpr (is_optional<T>) {
      return or_null(of<typename T::value_type>());
    } else if constexpr (std::is_same_v<T, bool>) {
      return {{"type", "boolean"}};
    } else if constexpr (WholeNumber<T>) {
      return whole_number<T>();
    } else if constexpr (std::is_floating_point_v<T>) {
      return {{"type", "number"}};
    } else if constexpr (std::is_same_v<T, std::string>) {
      return {{"type", "string"}};
    } else if constexpr (is_duration<T>) {
      return {{"type", "string"},
              {"format", "stepd-duration"},
              {"description", "a duration such as 200ms, 30s, 5m or 2h"}};
    } else if constexpr (is_list<T>) {
      return {{"type", "array"}, {"items", of<typename T::value_type>()}};
    } else if constexpr (is_string_map<T>) {
      return {{"type", "object"}, {"additionalProperties", of<typename T::mapped_type>()}};
    } else if constexpr (DescribedEnum<T>) {
      return enumeration<T>();
    } else if constexpr (DescribedStruct<T>) {
      return structure<T>();
    } else {
      static_assert(has_no_json_form<T>,
                    "stepd: this type has no JSON form; describe a struct with "
                    "BOOST_DESCRIBE_STRUCT, an enum with BOOST_DESCRIBE_ENUM");
    }
  }

 private:
  template <class T>
  [[nodiscard]] static boost::json::object whole_number() {
    boost::json::object schema{{"type", "integer"}};
    // The ends of 64 bits are left out: no JSON integer the host accepts is beyond them.
    if constexpr (sizeof(T) < sizeof(std::int64_t) || std::is_unsigned_v<T>) {
      schema["minimum"] = std::numeric_limits<T>::min();
    }
    if constexpr (sizeof(T) < sizeof(std::int64_t)) {
      schema["maximum"] = std::numeric_limits<T>::max();
    }
    return schema;
  }

  template <class T>
  [[nodiscard]] static boost::json::object enumeration() {
    boost::json::array names;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>(
        [&](auto enumerator) { names.emplace_back(enumerator.name); });
    return {{"type", "string"}, {"enum", std::move(names)}};
  }

  [[nodiscard]] static boost::json::object or_null(boost::json::object schema) {
    if (auto* type = schema.if_contains("type"); type && type->is_string()) {
      *type = boost::json::array{*type, "null"};
    }
    if (auto* names = schema.if_contains("enum")) names->as_array().emplace_back(nullptr);
    return schema;
  }

  template <class T>
  [[nodiscard]] boost::json::object structure() {
    if (std::find(inside_.begin(), inside_.end(), &type_key<T>) != inside_.end()) return {};
    inside_.push_back(&type_key<T>);
    boost::json::object properties;
    boost::json::array required;
    boost::mp11::mp_for_each<Members<T>>([&](auto member) {
      auto schema = of<ValueOf<decltype(member)>>();
      if (const auto* declared = defaults_->find<decltype(member)>()) {
        schema["default"] = *declared;
      } else if (!is_optional<ValueOf<decltype(member)>>) {
        required.emplace_back(member.name);
      }
      const std::string_view format = formats_->find<decltype(member)>();
      if (!format.empty()) schema["format"] = format;
      properties.emplace(member.name, std::move(schema));
    });
    inside_.pop_back();
    return {{"type", "object"},
            {"properties", std::move(properties)},
            {"required", std::move(required)},
            {"additionalProperties", false}};
  }

  const Defaults* defaults_;
  const Formats* formats_;
  std::vector<const char*> inside_;
};

template <class T>
[[nodiscard]] std::string schema_text(const Defaults& defaults, const Formats& formats = {}) {
  return boost::json::serialize(JsonSchema(defaults, formats).of<T>());
}

}  // namespace stepd::detail
