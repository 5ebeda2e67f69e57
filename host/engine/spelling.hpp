#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace stepd::engine {

/// The candidate a person most likely meant by a word that is none of them, if any is near: at most
/// two slips away (a letter left out, put in, exchanged, or two swapped) and at most a third of the
/// word's length.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word,
                                                      std::span<const std::string_view> candidates);

/// Of many problems told together no more than this many come with a suggestion: each compares the
/// word with every candidate.
inline constexpr std::size_t suggestions_max = 10;

/// ` (did you mean "account"?)`, or nothing.
[[nodiscard]] std::string suggestion(std::string_view word,
                                     std::span<const std::string_view> candidates);

/// Words in quotes, with commas between them; at most `most` of them.
[[nodiscard]] std::string listed(std::span<const std::string_view> words, std::size_t most = 12);

}  // namespace stepd::engine
