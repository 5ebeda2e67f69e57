#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/http/body.hpp"
#include "host/http/head.hpp"

namespace stepd::http {

/// The parameters behind the question mark. Each route takes the ones it knows and then says that
/// it is done: whatever is left is refused, so that a mistyped filter does not go unnoticed.
class Query {
 public:
  explicit Query(std::string_view text);

  /// Refused when it stands there twice.
  [[nodiscard]] std::optional<std::string> one(std::string_view name);
  [[nodiscard]] std::vector<std::string> all(std::string_view name);
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view name);
  [[nodiscard]] std::optional<bool> truth(std::string_view name);
  void done() const;

 private:
  struct Parameter {
    std::string name;
    std::string value;
  };
  std::vector<Parameter> left_;
};

/// Undoes percent-encoding; refuses what is not encoded properly.
[[nodiscard]] std::string percent_decoded(std::string_view text);

struct Request {
  const Head& head;
  Body& body;
  Query query;
  std::string tenant;
  std::string subject;  // what stands for the {…} of the route's pattern
};

}  // namespace stepd::http
