#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/engine/definition.hpp"
#include "host/engine/engine.hpp"
#include "host/engine/json_text.hpp"
#include "host/http/problem.hpp"

namespace stepd::http {

/// Refuses a request for what is wrong with one place in its body.
[[noreturn]] void invalid(std::string code, std::string pointer, std::string message);

/// The body of a verb: an object whose members are known. Points into the text it was made of.
class VerbBody {
 public:
  VerbBody(std::string_view text, const engine::Limits& limits);

  void allow(const std::vector<std::string_view>& names) const;

  /// As it was sent; empty when there is none.
  [[nodiscard]] std::string_view member(std::string_view name) const;
  /// Empty when it is absent or null, as all that follows.
  [[nodiscard]] std::string text(std::string_view name, std::size_t bytes_max) const;
  [[nodiscard]] std::string name(std::string_view member) const;
  [[nodiscard]] std::string needed(std::string_view member, std::size_t bytes_max) const;
  [[nodiscard]] std::string needed_name(std::string_view member) const;
  [[nodiscard]] std::optional<std::int64_t> whole_number(std::string_view member) const;
  [[nodiscard]] engine::JsonText output() const;

 private:
  std::string_view text_;
  const engine::Limits& limits_;
};

/// The verb that the body asks for, judged as far as the job need not be known. `also` names
/// members of the body that are somebody else's business.
[[nodiscard]] engine::Verb verb_in(const VerbBody& body, engine::Verb::Kind kind,
                                   const std::vector<std::string_view>& also = {});

}  // namespace stepd::http
