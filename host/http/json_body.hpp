#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/engine/json_text.hpp"
#include "host/http/api.hpp"

namespace stepd::http {

/// Refuses the request's body with 422: the member at the pointer, and what is wrong with it.
[[noreturn]] void invalid(std::string code, std::string pointer, std::string message);

/// A body that is an object, or nothing at all, as the routes read it that know its members by
/// name. What it refuses is a Refusal. The text outlives it.
class JsonBody {
 public:
  JsonBody(std::string_view text, const engine::Limits& limits);

  /// Refuses members by any other name.
  void allow(const std::vector<std::string_view>& names) const;

  /// Empty when it is absent or null.
  [[nodiscard]] std::string text(std::string_view name, std::size_t bytes_max) const;
  [[nodiscard]] std::string name(std::string_view member) const {
    return text(member, limits_.name_bytes_max);
  }
  /// Refused when it is absent or empty.
  [[nodiscard]] std::string needed(std::string_view member, std::size_t bytes_max) const;
  [[nodiscard]] std::string needed_name(std::string_view member) const {
    return needed(member, limits_.name_bytes_max);
  }
  /// Any JSON, without blanks; empty when it is absent.
  [[nodiscard]] engine::JsonText json(std::string_view name, std::size_t bytes_max) const;
  [[nodiscard]] std::optional<std::int64_t> whole_number(std::string_view member) const;
  /// As it was sent; empty when there is none.
  [[nodiscard]] std::string_view member(std::string_view name) const;
  [[nodiscard]] const engine::Limits& limits() const { return limits_; }

 private:
  std::string_view text_;
  const engine::Limits& limits_;
};

/// The whole body of a request that has no parameters.
[[nodiscard]] JsonBody json_body_of(const Scope& scope, Request& request);

/// For what the sender gave no id of its own.
[[nodiscard]] std::string fresh_id();

}  // namespace stepd::http
