#include "tools/stepctl/output.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace stepd::stepctl {
namespace {

/// 0, or the errno of what went wrong.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace

void Output::print(std::string_view text) {
  const std::string block = status_;
  if (out_.terminal) clear_status();
  const int trouble = write_all(STDOUT_FILENO, text);
  if (trouble == EPIPE) throw BrokenPipe();
  if (trouble != 0) {
    throw std::system_error(trouble, std::generic_category(), "cannot write to stdout");
  }
  if (out_.terminal) status(block);
}

void Output::say(std::string_view text) {
  const std::string block = status_;
  clear_status();
  write_all(STDERR_FILENO, text);  // nobody is left to be told that stderr is gone
  status(block);
}

void Output::note(std::string_view text) {
  if (!quiet_) say(text);
}

void Output::status(std::string_view block) {
  if (!shows_status() || block == status_) return;
  std::string drawn;
  if (!status_.empty()) {
    const auto lines = std::count(status_.begin(), status_.end(), '\n');
    drawn = "\x1b[" + std::to_string(lines) + "A\x1b[J";
  }
  drawn += block;
  status_ = block;
  write_all(STDERR_FILENO, drawn);
}

void Output::clear_status() { status(""); }

}  // namespace stepd::stepctl
