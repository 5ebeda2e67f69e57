#include "host/plugin/plugin_lock.hpp"

#include <algorithm>
#include <sstream>
#include <variant>
#include <vector>

#include "host/plugin/judged_file.hpp"

namespace stepd::plugin {
namespace {

constexpr std::uint64_t lock_bytes_max = std::uint64_t{1} << 20U;
constexpr std::string_view hash_mark = "sha256:";
constexpr std::size_t hash_digits = 64;

std::string line_of(const LockedBuild& build) {
  return std::string(build.id) + " " + std::string(hash_mark) + std::string(build.sha256);
}

bool is_hash(std::string_view word) {
  if (!word.starts_with(hash_mark)) return false;
  word.remove_prefix(hash_mark.size());
  return word.size() == hash_digits &&
         word.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// The words of a line, up to a `#`.
std::vector<std::string> words_of(const std::string& line) {
  std::istringstream source(line.substr(0, line.find('#')));
  std::vector<std::string> words;
  for (std::string word; source >> word;) words.push_back(word);
  return words;
}

}  // namespace

std::optional<std::string> locked_out(const std::filesystem::path& lock, const LockedBuild& build) {
  const std::string line = line_of(build);
  const auto read = read_judged(lock, Writers::host_only, lock_bytes_max);
  if (const auto* fault = std::get_if<FileFault>(&read)) {
    const std::string cannot =
        "is locked out: the lock " + lock.string() + " " + fault->fact + "; ";
    if (fault->kind != FileFault::Kind::missing) return cannot + fault->cure;
    return cannot + "make it, with this line if the build is wanted: " + line;
  }
  bool knows_id = false;
  bool knows_build = false;
  std::istringstream text(std::get<std::string>(read));
  std::size_t number = 0;
  for (std::string source; std::getline(text, source);) {
    ++number;
    const auto words = words_of(source);
    if (words.empty()) continue;
    if (words.size() != 2 || !is_hash(words[1])) {
      return "is locked out: line " + std::to_string(number) + " of the lock " + lock.string() +
             " is not a plugin's id and sha256: with 64 digits of 0-9 and a-f; mend that line";
    }
    if (words[0] != build.id) continue;
    knows_id = true;
    knows_build = knows_build || line == words[0] + " " + words[1];
  }
  if (knows_build) return std::nullopt;
  return "is locked out: " +
         (knows_id ? "it is another build of " + std::string(build.id) + " than " + lock.string() +
                         " lists"
                   : lock.string() + " does not list plugin " + std::string(build.id)) +
         "; if it is wanted, add this line there: " + line;
}

}  // namespace stepd::plugin
