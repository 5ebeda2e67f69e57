#include "host/engine/spelling.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "host/engine/json_cursor.hpp"

namespace stepd::engine {
namespace {

/// Optimal string alignment distance (Damerau 1964, restricted). Only asked of short words.
std::size_t distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> before;
  std::vector<std::size_t> above(right.size() + 1);
  std::vector<std::size_t> row(right.size() + 1);
  for (std::size_t column = 0; column <= right.size(); ++column) above[column] = column;
  for (std::size_t line = 1; line <= left.size(); ++line) {
    row[0] = line;
    for (std::size_t column = 1; column <= right.size(); ++column) {
      const bool equal = left[line - 1] == right[column - 1];
      row[column] =
          std::min({above[column] + 1, row[column - 1] + 1, above[column - 1] + (equal ? 0U : 1U)});
      if (line > 1 && column > 1 && left[line - 1] == right[column - 2] &&
          left[line - 2] == right[column - 1]) {
        row[column] = std::min(row[column], before[column - 2] + 1);
      }
    }
    before = std::exchange(above, row);
  }
  return above.back();
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates) {
  constexpr std::size_t longest = 64;
  if (word.size() > longest) return std::nullopt;
  std::optional<std::string_view> best;
  std::size_t least = std::min<std::size_t>(2, std::max<std::size_t>(1, word.size() / 3)) + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > longest) continue;
    const std::size_t slips = distance(word, candidate);
    if (slips >= least) continue;
    least = slips;
    best = candidate;
  }
  return best;
}

std::string suggestion(std::string_view word, std::span<const std::string_view> candidates) {
  const auto meant = nearest(word, candidates);
  return meant ? " (did you mean " + in_quotes(*meant) + "?)" : "";
}

std::string listed(std::span<const std::string_view> words, std::size_t most) {
  std::string list;
  for (std::size_t index = 0; index < words.size() && index < most; ++index) {
    if (index != 0) list += ", ";
    list += in_quotes(words[index]);
  }
  if (words.size() > most) list += ", …";
  return list;
}

}  // namespace stepd::engine
