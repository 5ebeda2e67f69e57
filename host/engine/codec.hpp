#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "host/engine/definition.hpp"
#include "host/engine/entry.hpp"

/// The binary form of definitions and journal rows, shared by all stores. Each begins with a format
/// version; numbers are LEB128 varints (signed ones zig-zag), text is length-prefixed. A reader
/// knows every version ever released.
namespace stepd::engine {

/// Bytes that no released version wrote: damage, or a newer stepd's.
struct UnreadableRecord : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[nodiscard]] std::string encode(const JobDefinition& definition);
[[nodiscard]] JobDefinition decode_definition(std::string_view bytes);

[[nodiscard]] std::string encode(std::span<const Entry> entries);
[[nodiscard]] std::vector<Entry> decode_entries(std::string_view bytes);

}  // namespace stepd::engine
