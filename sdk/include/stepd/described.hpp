#pragma once

#include <boost/describe.hpp>
#include <boost/json/value.hpp>
#include <boost/mp11/algorithm.hpp>
#include <chrono>
#include <concepts>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <vector>

/// Which C++ types have a place in JSON here, and how their members are found.
namespace stepd::detail {

template <class T>
concept AnyJson = std::same_as<T, boost::json::value> || std::same_as<T, boost::json::object>;

template <class T>
concept WholeNumber = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> &&
                      !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
                      !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

template <class T>
concept DescribedEnum = std::is_enum_v<T> && boost::describe::has_describe_enumerators<T>::value;

template <class T>
concept DescribedStruct = std::is_class_v<T> && boost::describe::has_describe_members<T>::value;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
inline constexpr bool is_list = false;
template <class T, class Allocator>
inline constexpr bool is_list<std::vector<T, Allocator>> = true;

template <class T>
inline constexpr bool is_string_map = false;
template <class T, class Order, class Allocator>
inline constexpr bool is_string_map<std::map<std::string, T, Order, Allocator>> = true;
template <class T, class Hash, class Equal, class Allocator>
inline constexpr bool is_string_map<std::unordered_map<std::string, T, Hash, Equal, Allocator>> =
    true;

template <class T>
inline constexpr bool is_duration = false;
template <class Number, class Period>
inline constexpr bool is_duration<std::chrono::duration<Number, Period>> = true;

/// Always false, but only once T is known: for the last branch of a chain of types.
template <class T>
inline constexpr bool has_no_json_form = false;

/// Members of a described struct and of its described bases, whatever their access.
template <DescribedStruct T>
using Members = boost::describe::describe_members<T, boost::describe::mod_any_access |
                                                         boost::describe::mod_inherited>;

/// A described type's identity inside one plugin.
template <class T>
inline constexpr char type_key = 0;

template <class Pointer>
struct MemberPointer;
template <class Struct, class Member>
struct MemberPointer<Member Struct::*> {
  using Owner = Struct;
  using Value = Member;
};
template <class Descriptor>
using OwnerOf = typename MemberPointer<std::remove_cv_t<decltype(Descriptor::pointer)>>::Owner;
template <class Descriptor>
using ValueOf = typename MemberPointer<std::remove_cv_t<decltype(Descriptor::pointer)>>::Value;

}  // namespace stepd::detail
