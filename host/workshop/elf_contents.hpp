#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stepd::workshop {

/// What a shared library offers to others and wants of them, by its dynamic symbols (System V gABI,
/// chapter 5; LSB, "Symbol Versioning").
struct ElfContents {
  std::vector<std::string> exported;         // defined here and visible to others
  std::vector<std::string> unique;           // of those, one for the whole process (GNU)
  std::vector<std::string> wanted;           // defined elsewhere
  std::vector<std::string> libraries;        // DT_NEEDED
  std::vector<std::string> versions_needed;  // "GLIBC_2.34"
};

/// The bytes have been judged to be a whole shared library. Nothing: its tables cannot be read.
[[nodiscard]] std::optional<ElfContents> read_contents(std::string_view bytes);

}  // namespace stepd::workshop
