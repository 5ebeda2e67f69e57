#include "host/contained/print_log.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "host/plugin/utf8.hpp"

namespace stepd::contained {
namespace {

constexpr std::size_t line_bytes_max = 16U << 10U;
constexpr std::size_t last_bytes_max = 2000;
constexpr int blocks_at_a_time = 16;

}  // namespace

bool PrintLog::take_from(int descriptor) {
  std::array<char, 4096> block{};
  for (int taken = 0; taken < blocks_at_a_time; ++taken) {
    const ssize_t length = ::read(descriptor, block.data(), block.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0 && errno == EAGAIN) return true;
    if (length <= 0) return false;
    take({block.data(), static_cast<std::size_t>(length)});
  }
  return true;
}

void PrintLog::take(std::string_view bytes) {
  std::vector<std::string> lines;
  {
    const std::scoped_lock lock(mutex_);
    last_.append(bytes);
    if (last_.size() > last_bytes_max) last_.erase(0, last_.size() - last_bytes_max);
    line_.append(bytes);
    std::size_t begin = 0;
    for (std::size_t end = line_.find('\n'); end != std::string::npos;
         end = line_.find('\n', begin)) {
      lines.push_back(line_.substr(begin, end - begin));
      begin = end + 1;
    }
    line_.erase(0, begin);
    if (line_.size() > line_bytes_max) lines.push_back(std::exchange(line_, {}));
  }
  for (const std::string& line : lines) on_line_(plugin::readable(line, line_bytes_max));
}

void PrintLog::finish() {
  std::string line;
  {
    const std::scoped_lock lock(mutex_);
    line = std::exchange(line_, {});
  }
  if (!line.empty()) on_line_(plugin::readable(line, line_bytes_max));
}

std::string PrintLog::last() const {
  const std::scoped_lock lock(mutex_);
  return last_;
}

}  // namespace stepd::contained
