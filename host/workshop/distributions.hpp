#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stepd::workshop {

/// What the C and C++ libraries must be at least: "2.34", "3.4.29", "1.3.13"; empty: not needed.
struct LibraryVersions {
  std::string glibc;
  std::string glibcxx;
  std::string cxxabi;
  friend bool operator==(const LibraryVersions&, const LibraryVersions&) = default;
};

/// The highest of each among the versions a file needs ("GLIBC_2.34").
[[nodiscard]] LibraryVersions highest(const std::vector<std::string>& versions_needed);

/// "needs glibc 2.34 and GLIBCXX_3.4.29; runs on Debian 12 and 13, …; not on …"
[[nodiscard]] std::string distributions_text(const LibraryVersions& needed);

}  // namespace stepd::workshop
