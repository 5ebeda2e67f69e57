#include "host/contained/peak_memory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace stepd::contained {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds known_for{100};

/// "/proc/123/status", without a heap.
std::array<char, 32> path_of(pid_t process) noexcept {
  std::array<char, 32> path{};
  auto append = [at = path.begin()](std::string_view text) mutable {
    at = std::copy(text.begin(), text.end(), at);
  };
  append("/proc/");
  if (process == 0) {
    append("self");
  } else {
    std::array<char, 12> digits{};
    auto first = digits.end();
    for (auto rest = static_cast<std::uint32_t>(process); rest != 0; rest /= 10) {
      *--first = static_cast<char>('0' + rest % 10);
    }
    append({first, static_cast<std::size_t>(digits.end() - first)});
  }
  append("/status");
  return path;
}

std::optional<std::uint64_t> number_after(std::string_view text, std::string_view name) noexcept {
  const auto found = text.find(name);
  if (found == text.npos) return std::nullopt;
  std::string_view rest = text.substr(found + name.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  std::uint64_t number = 0;
  for (; !rest.empty() && rest.front() >= '0' && rest.front() <= '9'; rest.remove_prefix(1)) {
    number = number * 10 + static_cast<std::uint64_t>(rest.front() - '0');
  }
  return number == 0 ? std::nullopt : std::optional(number);
}

}  // namespace

std::optional<std::uint64_t> peak_memory_of(pid_t process) noexcept {
  const int file = ::open(path_of(process).data(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  std::array<char, 4096> text{};
  const auto length = ::read(file, text.data(), text.size());
  ::close(file);
  if (length <= 0) return std::nullopt;
  return number_after({text.data(), static_cast<std::size_t>(length)}, "VmHWM:");
}

std::optional<std::uint64_t> PeakMemory::known() {
  const auto now = steady_clock::now().time_since_epoch();
  auto look_at = look_again_at_.load(std::memory_order_relaxed);
  const auto next = (now + steady_clock::duration(known_for)).count();
  // One of those that find it old looks.
  if (now.count() >= look_at && look_again_at_.compare_exchange_strong(look_at, next)) {
    // Without a descriptor to be had what was known stays known.
    if (const auto kib = peak_memory_of(0)) kib_.store(*kib, std::memory_order_relaxed);
  }
  const std::uint64_t kib = kib_.load(std::memory_order_relaxed);
  return kib == 0 ? std::nullopt : std::optional(kib);
}

}  // namespace stepd::contained
