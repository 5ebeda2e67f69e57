#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace stepd::plugin {

struct ElfNote {
  std::string_view name;  // without its terminating zero
  std::uint32_t type = 0;
  std::string_view description;
};

/// A whole shared library for this processor. The notes point into the bytes it was read from.
struct SharedLibrary {
  std::vector<ElfNote> notes;
};

/// What is wrong with the bytes, to be read after the file's name: "is a static library: …".
struct NotLoadable {
  std::string fact;
};

/// Judges a file by its ELF headers (System V gABI, chapters 4 and 5) and runs nothing of it.
/// Everything the headers speak of must lie within the bytes: the dynamic loader maps what it is
/// told and the process dies at the first page that is not there.
[[nodiscard]] std::variant<SharedLibrary, NotLoadable> read_shared_library(std::string_view bytes);

}  // namespace stepd::plugin
