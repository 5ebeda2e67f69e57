#include "plugins/http/interruption.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <system_error>

namespace http {

Interruption::Interruption(int stop_fd, std::chrono::milliseconds timeout)
    : stop_fd_{stop_fd}, end_{std::chrono::steady_clock::now() + timeout} {}

bool Interruption::wait_writable(int socket) { return wait(socket, POLLOUT); }

bool Interruption::wait(int fd, short events) {
  // poll passes over a negative descriptor.
  std::array<pollfd, 2> awaited{{{stop_fd_, POLLIN, 0}, {fd, events, 0}}};
  while (true) {
    const int ready = ::poll(awaited.data(), awaited.size(), left_ms());
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) throw std::system_error{errno, std::generic_category(), "poll"};
    if (awaited[1].revents != 0) return true;
    cause_ = ready == 0 ? Cause::timed_out : Cause::stopped;
    return false;
  }
}

int Interruption::left_ms() const {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(end_ - std::chrono::steady_clock::now());
  return static_cast<int>(
      std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max()));
}

Interruption::Watch::Watch(Interruption& interruption, int socket)
    : done_fd_{::eventfd(0, EFD_CLOEXEC)} {
  if (done_fd_ < 0) throw std::system_error{errno, std::generic_category(), "eventfd"};
  thread_ = std::jthread{[this, &interruption, socket] {
    if (!interruption.wait(done_fd_, POLLIN)) ::shutdown(socket, SHUT_RDWR);
  }};
}

Interruption::Watch::~Watch() {
  // Fails only when the counter is full, and then it is readable already.
  (void)::eventfd_write(done_fd_, 1);
  thread_.join();
  ::close(done_fd_);
}

}  // namespace http
