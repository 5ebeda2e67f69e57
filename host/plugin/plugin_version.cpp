#include "host/plugin/plugin_version.hpp"

#include <algorithm>

namespace stepd::plugin {
namespace {

std::string_view take_until(std::string_view& text, char mark) {
  const auto at = std::min(text.find(mark), text.size());
  const std::string_view head = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return head;
}

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Of any length, so that no number overflows.
std::strong_ordering compare_numbers(std::string_view left, std::string_view right) {
  left.remove_prefix(std::min(left.find_first_not_of('0'), left.size()));
  right.remove_prefix(std::min(right.find_first_not_of('0'), right.size()));
  if (left.size() != right.size()) return left.size() <=> right.size();
  return left <=> right;
}

std::strong_ordering compare_dotted(std::string_view left, std::string_view right) {
  while (!left.empty() || !right.empty()) {
    const std::string_view one = take_until(left, '.');
    const std::string_view other = take_until(right, '.');
    const bool numbers = is_number(one) && is_number(other);
    const auto order = numbers ? compare_numbers(one, other) : one <=> other;
    if (order != 0) return order;
  }
  return std::strong_ordering::equal;
}

}  // namespace

std::strong_ordering compare_versions(std::string_view left, std::string_view right) {
  const std::string_view left_release = take_until(left, '-');
  const std::string_view right_release = take_until(right, '-');
  const auto order = compare_dotted(left_release, right_release);
  if (order != 0) return order;
  if (left.empty() != right.empty()) return left.empty() <=> right.empty();
  return compare_dotted(left, right);
}

}  // namespace stepd::plugin
