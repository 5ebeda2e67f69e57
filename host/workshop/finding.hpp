#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace stepd::workshop {

enum class Verdict : std::uint8_t { passed, failed, skipped };

/// What one check came to: a sentence, with the remedy where there is one, and for a process that
/// has ended what it was last seen to do.
struct Finding {
  Verdict verdict = Verdict::passed;
  std::string says{};
  std::vector<std::string> details{};  // lines
};

[[nodiscard]] inline Finding passed(std::string says) { return {Verdict::passed, std::move(says)}; }
[[nodiscard]] inline Finding failed(std::string says) { return {Verdict::failed, std::move(says)}; }
[[nodiscard]] inline Finding skipped(std::string says) {
  return {Verdict::skipped, std::move(says)};
}

}  // namespace stepd::workshop
