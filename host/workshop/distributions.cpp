#include "host/workshop/distributions.hpp"

#include <array>
#include <charconv>

namespace stepd::workshop {
namespace {

/// What a distribution brings (its packages libc6 and libstdc++6, or glibc and libstdc++).
struct Distribution {
  std::string_view name;
  LibraryVersions brings;
};
const std::array<Distribution, 9> distributions{{
    {"Debian 11", {"2.31", "3.4.28", "1.3.12"}},
    {"Debian 12", {"2.36", "3.4.30", "1.3.13"}},
    {"Debian 13", {"2.41", "3.4.33", "1.3.15"}},
    {"Ubuntu 20.04", {"2.31", "3.4.28", "1.3.12"}},
    {"Ubuntu 22.04", {"2.35", "3.4.30", "1.3.13"}},
    {"Ubuntu 24.04", {"2.39", "3.4.33", "1.3.15"}},
    {"RHEL 8", {"2.28", "3.4.25", "1.3.11"}},
    {"RHEL 9", {"2.34", "3.4.29", "1.3.13"}},
    {"RHEL 10", {"2.39", "3.4.33", "1.3.15"}},
}};

std::vector<unsigned> numbers_of(std::string_view version) {
  std::vector<unsigned> numbers;
  const char* at = version.data();
  const char* const end = at + version.size();
  while (at < end) {
    unsigned number = 0;
    const auto read = std::from_chars(at, end, number);
    if (read.ec != std::errc()) break;
    numbers.push_back(number);
    at = read.ptr < end ? read.ptr + 1 : end;
  }
  return numbers;
}

bool is_older(std::string_view left, std::string_view right) {
  return numbers_of(left) < numbers_of(right);
}

void raise(std::string& version, std::string_view other) {
  if (is_older(version, other)) version = other;
}

bool suffices(const LibraryVersions& brings, const LibraryVersions& needed) {
  return !is_older(brings.glibc, needed.glibc) && !is_older(brings.glibcxx, needed.glibcxx) &&
         !is_older(brings.cxxabi, needed.cxxabi);
}

void append(std::string& list, std::string_view one) {
  if (!list.empty()) list += ", ";
  list += one;
}

}  // namespace

LibraryVersions highest(const std::vector<std::string>& versions_needed) {
  constexpr std::string_view glibc = "GLIBC_";
  constexpr std::string_view glibcxx = "GLIBCXX_";
  constexpr std::string_view cxxabi = "CXXABI_";
  LibraryVersions needed;
  for (const std::string_view version : versions_needed) {
    // Relative relocations packed tightly: no symbol's version, but a loader that knows them.
    if (version == "GLIBC_ABI_DT_RELR") raise(needed.glibc, "2.36");
    if (version.starts_with(glibc)) raise(needed.glibc, version.substr(glibc.size()));
    if (version.starts_with(glibcxx)) raise(needed.glibcxx, version.substr(glibcxx.size()));
    if (version.starts_with(cxxabi)) raise(needed.cxxabi, version.substr(cxxabi.size()));
  }
  return needed;
}

std::string distributions_text(const LibraryVersions& needed) {
  std::string versions;
  if (!needed.glibc.empty()) append(versions, "glibc " + needed.glibc);
  if (!needed.glibcxx.empty()) append(versions, "GLIBCXX_" + needed.glibcxx);
  if (!needed.cxxabi.empty()) append(versions, "CXXABI_" + needed.cxxabi);
  if (versions.empty()) return "needs no particular version of the C and C++ libraries";
  std::string fit;
  std::string unfit;
  for (const Distribution& distribution : distributions) {
    append(suffices(distribution.brings, needed) ? fit : unfit, distribution.name);
  }
  std::string text = "needs " + versions;
  text += fit.empty() ? "; newer than all distributions known here" : "; fit: " + fit;
  if (!unfit.empty()) text += "; too old: " + unfit;
  return text;
}

}  // namespace stepd::workshop
