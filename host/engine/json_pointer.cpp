#include "host/engine/json_pointer.hpp"

#include <charconv>

namespace stepd::engine {
namespace {

std::optional<std::string> unescaped(std::string_view token) {
  std::string meant;
  for (std::size_t place = 0; place < token.size(); ++place) {
    if (token[place] != '~') {
      meant.push_back(token[place]);
      continue;
    }
    ++place;
    if (place == token.size() || (token[place] != '0' && token[place] != '1')) return std::nullopt;
    meant.push_back(token[place] == '0' ? '~' : '/');
  }
  return meant;
}

}  // namespace

std::optional<std::vector<std::string>> pointer_tokens(std::string_view pointer) {
  std::vector<std::string> tokens;
  while (!pointer.empty()) {
    if (pointer.front() != '/') return std::nullopt;
    pointer.remove_prefix(1);
    const std::string_view token = pointer.substr(0, pointer.find('/'));
    auto meant = unescaped(token);
    if (!meant) return std::nullopt;
    tokens.push_back(*std::move(meant));
    pointer.remove_prefix(token.size());
  }
  return tokens;
}

std::string pointer_to(std::string_view parent, std::string_view key) {
  std::string pointer(parent);
  pointer.push_back('/');
  for (const char letter : key) {
    if (letter == '~') {
      pointer.append("~0");
    } else if (letter == '/') {
      pointer.append("~1");
    } else {
      pointer.push_back(letter);
    }
  }
  return pointer;
}

std::string pointer_to(std::string_view parent, std::size_t index) {
  return std::string(parent) + "/" + std::to_string(index);
}

std::optional<std::size_t> array_index(std::string_view token) {
  if (token.empty() || (token.size() > 1 && token.front() == '0')) return std::nullopt;
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  if (error != std::errc{} || end != token.data() + token.size()) return std::nullopt;
  return index;
}

}  // namespace stepd::engine
