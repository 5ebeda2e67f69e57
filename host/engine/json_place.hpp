#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "host/engine/json_pointer.hpp"

namespace stepd::engine {

/// Where a value stands, as a chain from the value outwards on the stack of those who walk it: it
/// becomes a pointer's text only when there is something to say. The outermost one's key is a
/// pointer itself.
struct Place {
  const Place* parent = nullptr;
  std::string_view key{};
  std::optional<std::size_t> index{};

  [[nodiscard]] Place at(std::string_view member) const { return {this, member, {}}; }
  [[nodiscard]] Place at(std::size_t element) const { return {this, {}, element}; }

  [[nodiscard]] std::string pointer() const {
    if (parent == nullptr) return std::string(key);
    return index ? pointer_to(parent->pointer(), *index) : pointer_to(parent->pointer(), key);
  }
};

}  // namespace stepd::engine
