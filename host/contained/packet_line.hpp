#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "host/plugin/file_descriptor.hpp"

namespace stepd::contained {

/// One end of a socket that carries whole messages. What is too large for a packet travels in a
/// sealed memory file beside it. One thread sends and one receives at a time.
class PacketLine final {
 public:
  /// What comes from the other end is refused when it is larger than that.
  explicit PacketLine(plugin::FileDescriptor socket,
                      std::size_t bytes_max = std::numeric_limits<std::size_t>::max())
      : socket_(std::move(socket)), bytes_max_(bytes_max) {}

  /// Two ends of a new one. Throws std::system_error.
  [[nodiscard]] static std::pair<plugin::FileDescriptor, plugin::FileDescriptor> open();

  /// False: nobody is at the other end any more. Throws std::system_error when there is no memory
  /// or no descriptor to send it with.
  [[nodiscard]] bool send(std::string_view bytes) const;
  /// A small message; the other end gets a descriptor of its own for the same file. False also when
  /// there is no room on the line: the other end does not listen.
  [[nodiscard]] bool send_at_once(std::string_view bytes, int file) const;
  /// Whoever sends or receives at either end finds nobody there any more. Any thread.
  void shut() const;
  void set_bytes_max(std::size_t bytes_max) { bytes_max_ = bytes_max; }

  struct Message {
    std::string_view bytes;  // until the next one is received
    plugin::FileDescriptor file;
  };
  enum class Silence : std::uint8_t { closed, timed_out };
  using Received = std::variant<Message, Silence>;
  /// Throws BadMessage for what no PacketLine has sent, std::system_error when the system has no
  /// descriptor for it.
  [[nodiscard]] Received receive() { return receive_soon({}); }
  /// As `receive`, and for so long it does not sleep: to be woken takes longer than what is soon
  /// there.
  [[nodiscard]] Received receive_soon(std::chrono::microseconds awake);
  [[nodiscard]] Received receive_within(std::chrono::milliseconds limit);

  [[nodiscard]] int descriptor() const { return socket_.number(); }

 private:
  [[nodiscard]] Received received(ssize_t length, msghdr& packet);
  [[nodiscard]] std::string_view read_file(const plugin::FileDescriptor& file);

  plugin::FileDescriptor socket_;
  std::size_t bytes_max_;
  std::vector<char> packet_;  // made when something is first received
  std::string large_;
};

}  // namespace stepd::contained
