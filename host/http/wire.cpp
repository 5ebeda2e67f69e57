#include "host/http/wire.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <Poco/Timespan.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace stepd::http {
namespace {

constexpr std::size_t room_bytes = 16 * 1024;
constexpr std::size_t buffer_bytes_max = 256 * 1024;

Poco::Timespan timespan(std::chrono::milliseconds value) {
  return Poco::Timespan(std::chrono::duration_cast<std::chrono::microseconds>(value).count());
}

}  // namespace

Wire::Wire(Poco::Net::StreamSocket socket, Patience patience)
    : socket_(std::move(socket)), patience_(patience) {
  socket_.setReceiveTimeout(timespan(patience.idle));
}

/// The buffer grows while a client sends faster than it is read, up to a limit; above that only for
/// what is still to be looked at as a whole.
void Wire::make_room() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() - end_ >= room_bytes) return;
  buffer_.erase(0, begin_);
  end_ -= std::exchange(begin_, 0);
  if (buffer_.size() - end_ >= room_bytes) return;
  buffer_.resize(std::max(end_ + room_bytes, std::min(2 * buffer_.size(), buffer_bytes_max)));
}

Wire::Arrival Wire::receive() {
  make_room();
  const auto began = std::chrono::steady_clock::now();
  try {
    const int room = static_cast<int>(buffer_.size() - end_);
    const int received = socket_.receiveBytes(buffer_.data() + end_, room);
    waited_ += std::chrono::steady_clock::now() - began;
    if (received <= 0) return Arrival::closed;
    end_ += static_cast<std::size_t>(received);
    return waited_ > patience_.request ? Arrival::slow : Arrival::bytes;
  } catch (const Poco::TimeoutException&) {
    return Arrival::slow;
  } catch (const Poco::Exception&) {  // reset: the same to us as an orderly end
    return Arrival::closed;
  }
}

/// Each piece that the client takes in would begin the socket's own time-out anew; a limit on the
/// whole needs calls that do not block.
bool Wire::send(std::string_view bytes) {
  constexpr std::size_t mebibyte = 1U << 20U;
  const auto begun = static_cast<std::int64_t>(bytes.size() / mebibyte + 1);
  const auto until = std::chrono::steady_clock::now() + begun * patience_.reply;
  while (!bytes.empty()) {
    const auto sent = ::send(descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
    if (!writable(until)) return false;
  }
  return true;
}

bool Wire::writable(std::chrono::steady_clock::time_point until) const {
  const auto idle_until = std::chrono::steady_clock::now() + patience_.idle;
  pollfd wait{descriptor(), POLLOUT, 0};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        std::min(until, idle_until) - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    const int ready = ::poll(&wait, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

void Wire::close_gently() {
  constexpr std::size_t bytes_max = 128 * 1024 * 1024;
  try {
    socket_.shutdownSend();
    socket_.setReceiveTimeout(timespan(std::min(patience_.idle, std::chrono::milliseconds(2000))));
  } catch (const Poco::Exception&) {
    return;  // it has gone already
  }
  begin_request();
  std::size_t dropped = 0;
  do {
    dropped += buffered().size();
    take(buffered().size());
  } while (dropped < bytes_max && receive() == Arrival::bytes);
}

int Wire::descriptor() const { return socket_.impl()->sockfd(); }

}  // namespace stepd::http
