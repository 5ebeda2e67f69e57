#include "host/engine/json_children.hpp"

#include "host/engine/json_cursor.hpp"
#include "host/engine/json_pointer.hpp"

namespace stepd::engine {
namespace {

/// Up to here a walk is as quick as looking up what was found by one.
constexpr std::size_t small_bytes = 512;

}  // namespace

std::string_view JsonChildren::child(std::string_view value, std::string_view token) {
  if (value.size() <= small_bytes) return engine::child(value, token);
  const Parts& parts = parts_of(value);
  if (!parts.elements.empty()) {
    const auto index = array_index(token);
    return index && *index < parts.elements.size() ? parts.elements[*index] : std::string_view{};
  }
  const auto member = parts.members.find(std::string(token));
  return member == parts.members.end() ? std::string_view{} : member->second;
}

const JsonChildren::Parts& JsonChildren::parts_of(std::string_view value) {
  const auto [place, is_new] = known_.try_emplace(value.data());
  Parts& parts = place->second;
  if (!is_new) return parts;
  JsonCursor cursor(value);
  const JsonCursor::Kind kind = cursor.kind();
  if (kind == JsonCursor::Kind::array) {
    cursor.open();
    while (cursor.more()) parts.elements.push_back(cursor.take());
  } else if (kind == JsonCursor::Kind::object) {
    cursor.open();
    while (cursor.more()) {
      std::string key = unquoted(cursor.key());
      parts.members.try_emplace(std::move(key), cursor.take());
    }
  }
  return parts;
}

}  // namespace stepd::engine
