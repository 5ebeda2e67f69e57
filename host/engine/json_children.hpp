#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace stepd::engine {

/// Finds parts of valid JSON text by the tokens of pointers, as `child` does. A large value is
/// walked over once, however many of its parts are asked for. The text must outlive it.
class JsonChildren {
 public:
  /// Empty when there is none.
  [[nodiscard]] std::string_view child(std::string_view value, std::string_view token);

 private:
  struct Parts {
    std::unordered_map<std::string, std::string_view> members;
    std::vector<std::string_view> elements;
  };
  [[nodiscard]] const Parts& parts_of(std::string_view value);

  std::unordered_map<const char*, Parts> known_;  // by where the value begins
};

}  // namespace stepd::engine
