#pragma once

#include <compare>
#include <string_view>

namespace stepd::plugin {

/// Orders versions of one plugin as people do: numbers between dots by value, and 1.0.0-rc1 before
/// 1.0.0 (after Semantic Versioning 2.0.0, section 11; text that is no number goes by its bytes).
[[nodiscard]] std::strong_ordering compare_versions(std::string_view left, std::string_view right);

}  // namespace stepd::plugin
