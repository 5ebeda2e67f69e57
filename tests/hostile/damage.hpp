#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tests/support/chance.hpp"

namespace stepd::tests {

/// Where the damage is done.
enum class Damage { cut, elf_header, program_headers, sections, note, dynamic, anywhere };

/// A whole plugin's bytes after some harm that chance chooses.
[[nodiscard]] std::string damaged(std::string_view whole, Damage kind, Chance& chance);

}  // namespace stepd::tests
