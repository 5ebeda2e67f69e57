#pragma once

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/mp11/algorithm.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <stepd/bad_value.hpp>
#include <stepd/defaults.hpp>
#include <stepd/described.hpp>
#include <stepd/duration_text.hpp>
#include <stepd/nothing.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace stepd::detail {

/// How strictly a document is read.
struct ReadRules {
  const Defaults* defaults = nullptr;
  bool unknown_members_fit = false;
  bool absent_members_keep = false;  // the value the struct gives them
};

/// Arguments come from a stranger, and a misspelt member must not be dropped silently.
[[nodiscard]] inline ReadRules rules_of_arguments(const Defaults& defaults) {
  return {&defaults, false, false};
}
/// A later build of another step may say more than is asked for.
inline constexpr ReadRules rules_of_earlier_output{nullptr, true, false};
/// An earlier or later build of this very step may have said less or more.
inline constexpr ReadRules rules_of_own_record{nullptr, true, true};
/// What is not configured stays as the struct says; what is misspelt is told.
inline constexpr ReadRules rules_of_configuration{nullptr, false, true};

class JsonReader {
 public:
  explicit JsonReader(const ReadRules& rules) : rules_(rules) {}

  /// Throws BadValue when the text is no JSON or does not fit.
  template <class T>
  [[nodiscard]] T from_text(std::string_view text) const {
    if constexpr (std::is_same_v<T, Nothing>) {
      if (text == "{}") return {};
    }
    unsigned char nearby[4096];
    boost::json::monotonic_resource memory(nearby);
    T value{};
    read(parsed(text, &memory), value, ValuePath());
    return value;
  }

  template <class T>
  void read(const boost::json::value& from, T& to, const ValuePath& path) const {
    if constexpr (std::is_same_v<T, boost::json::value>) {
      to = from;
    } else if constexpr (std::is_same_v<T, boost::json::object>) {
      to = object_in(from, path);
    } else if constexpr (is_optional<T>) {
      read_optional(from, to, path);
    } else if constexpr (std::is_same_v<T, bool>) {
      if (!from.is_bool()) throw BadValue(path.pointer(), "must be true or false");
      to = from.get_bool();
    } else if constexpr (WholeNumber<T>) {
      to = whole_number<T>(from, path);
    } else if constexpr (std::is_floating_point_v<T>) {
      to = number<T>(from, path);
    } else if constexpr (std::is_same_v<T, std::string>) {
      to = text_in(from, path, "must be a string");
    } else if constexpr (is_duration<T>) {
      to = duration<T>(from, path);
    } else if constexpr (is_list<T>) {
      read_list(from, to, path);
    } else if constexpr (is_string_map<T>) {
      read_map(from, to, path);
    } else if constexpr (DescribedEnum<T>) {
      read_enum(from, to, path);
    } else if constexpr (DescribedStruct<T>) {
      read_struct(from, to, path);
    } else {
      static_assert(has_no_json_form<T>,
                    "stepd: this type has no JSON form; describe a struct with "
                    "BOOST_DESCRIBE_STRUCT, an enum with BOOST_DESCRIBE_ENUM");
    }
  }

 private:
  [[nodiscard]] static boost::json::value parsed(std::string_view text,
                                                 const boost::json::storage_ptr& in) {
    boost::json::parse_options options;
    options.max_depth = 128;
    boost::system::error_code error;
    auto value = boost::json::parse(text, error, in, options);
    if (error) throw BadValue({}, "is no JSON: " + error.message());
    return value;
  }

  [[nodiscard]] static const boost::json::object& object_in(const boost::json::value& from,
                                                            const ValuePath& path) {
    if (!from.is_object()) throw BadValue(path.pointer(), "must be an object");
    return from.get_object();
  }

  [[nodiscard]] static std::string_view text_in(const boost::json::value& from,
                                                const ValuePath& path, const char* otherwise) {
    if (!from.is_string()) throw BadValue(path.pointer(), otherwise);
    return {from.get_string().data(), from.get_string().size()};
  }

  template <class T>
  [[nodiscard]] static T whole_number(const boost::json::value& from, const ValuePath& path) {
    if (const auto* number = from.if_int64()) return in_range<T>(*number, path);
    if (const auto* number = from.if_uint64()) return in_range<T>(*number, path);
    // JSON does not tell 5.0 and 5e0 from 5, and neither does JSON Schema.
    const auto* number = from.if_double();
    if (number == nullptr || std::trunc(*number) != *number) {
      throw BadValue(path.pointer(), "must be a whole number");
    }
    if (*number >= -0x1p63 && *number < 0x1p63) {
      return in_range<T>(static_cast<std::int64_t>(*number), path);
    }
    if (*number >= 0x1p63 && *number < 0x1p64) {
      return in_range<T>(static_cast<std::uint64_t>(*number), path);
    }
    throw_out_of_range<T>(path);
  }

  template <class T, class Number>
  [[nodiscard]] static T in_range(Number number, const ValuePath& path) {
    if (!std::in_range<T>(number)) throw_out_of_range<T>(path);
    return static_cast<T>(number);
  }

  template <class T>
  [[noreturn]] static void throw_out_of_range(const ValuePath& path) {
    throw BadValue(path.pointer(), "must be between " +
                                       std::to_string(std::numeric_limits<T>::min()) + " and " +
                                       std::to_string(std::numeric_limits<T>::max()));
  }

  template <class T>
  [[nodiscard]] static T number(const boost::json::value& from, const ValuePath& path) {
    if (!from.is_number()) throw BadValue(path.pointer(), "must be a number");
    const auto value = from.to_number<double>();
    if (!std::isfinite(value) || std::abs(value) > std::numeric_limits<T>::max()) {
      throw BadValue(path.pointer(), "is too large a number");
    }
    return static_cast<T>(value);
  }

  template <class T>
  [[nodiscard]] static T duration(const boost::json::value& from, const ValuePath& path) {
    constexpr const char* problem = "must be a duration such as 200ms, 30s, 5m or 2h";
    const auto exact = duration_from(text_in(from, path, problem));
    if (!exact) throw BadValue(path.pointer(), problem);
    const auto value = std::chrono::duration_cast<T>(*exact);
    if (value != *exact) throw BadValue(path.pointer(), "is finer than this step can tell");
    return value;
  }

  template <class T>
  void read_optional(const boost::json::value& from, T& to, const ValuePath& path) const {
    if (from.is_null()) {
      to.reset();
    } else {
      read(from, to.emplace(), path);
    }
  }

  template <class List>
  void read_list(const boost::json::value& from, List& to, const ValuePath& path) const {
    if (!from.is_array()) throw BadValue(path.pointer(), "must be an array");
    to.clear();
    to.reserve(from.get_array().size());
    for (const auto& element : from.get_array()) {
      typename List::value_type value{};
      read(element, value, ValuePath(path, to.size()));
      to.push_back(std::move(value));
    }
  }

  template <class Map>
  void read_map(const boost::json::value& from, Map& to, const ValuePath& path) const {
    to.clear();
    for (const auto& member : object_in(from, path)) {
      const std::string_view key(member.key().data(), member.key().size());
      read(member.value(), to[std::string(key)], ValuePath(path, key));
    }
  }

  template <DescribedEnum T>
  static void read_enum(const boost::json::value& from, T& to, const ValuePath& path) {
    std::string names;
    bool found = false;
    const auto text = from.is_string() ? text_in(from, path, "") : std::string_view{};
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto enumerator) {
      if (!found && from.is_string() && text == enumerator.name) {
        to = enumerator.value;
        found = true;
      }
    });
    if (found) return;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto enumerator) {
      names += (names.empty() ? "" : ", ") + std::string(enumerator.name);
    });
    throw BadValue(path.pointer(), "must be one of " + names);
  }

  template <DescribedStruct T>
  void read_struct(const boost::json::value& from, T& to, const ValuePath& path) const {
    const auto& object = object_in(from, path);
    std::size_t known = 0;
    boost::mp11::mp_for_each<Members<T>>([&](auto member) {
      const ValuePath here(path, member.name);
      if (const auto* value = object.if_contains(member.name)) {
        ++known;
        read(*value, to.*member.pointer, here);
      } else {
        complete(to, member, here);
      }
    });
    if (known != object.size() && !rules_.unknown_members_fit) refuse_unknown<T>(object, path);
  }

  template <class T, class Descriptor>
  void complete(T& to, Descriptor member, const ValuePath& path) const {
    const auto* declared = rules_.defaults ? rules_.defaults->find<Descriptor>() : nullptr;
    if (declared != nullptr) {
      read(*declared, to.*member.pointer, path);
    } else if (!is_optional<ValueOf<Descriptor>> && !rules_.absent_members_keep) {
      throw BadValue(path.pointer(), "is required");
    }
  }

  template <DescribedStruct T>
  [[noreturn]] static void refuse_unknown(const boost::json::object& object,
                                          const ValuePath& path) {
    std::string names;
    boost::mp11::mp_for_each<Members<T>>(
        [&](auto member) { names += (names.empty() ? "" : ", ") + std::string(member.name); });
    const std::string known = names.empty() ? "is unknown; no member is expected here"
                                            : "is unknown; expected are " + names;
    for (const auto& member : object) {
      const std::string_view key(member.key().data(), member.key().size());
      bool expected = false;
      boost::mp11::mp_for_each<Members<T>>(
          [&](auto one) { expected = expected || key == one.name; });
      if (!expected) throw BadValue(ValuePath(path, key).pointer(), known);
    }
    throw BadValue(path.pointer(), known);
  }

  ReadRules rules_;
};

}  // namespace stepd::detail
