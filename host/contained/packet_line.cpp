#include "host/contained/packet_line.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "host/contained/wire.hpp"

namespace stepd::contained {
namespace {

using plugin::FileDescriptor;

/// The first byte of a packet: where the message is.
constexpr char here = 'h';
constexpr char in_file = 'f';

constexpr std::size_t packet_bytes_max = std::size_t{64} << 10U;
/// Room that is kept from one message to the next.
constexpr std::size_t kept_bytes_max = std::size_t{1} << 20U;
constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void write_all(const FileDescriptor& file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.number(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot fill a memory file");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

FileDescriptor sealed_file(std::string_view bytes) {
  FileDescriptor file(::memfd_create("stepd-message", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.is_open()) fail("cannot make a memory file");
  write_all(file, bytes);
  if (::fcntl(file.number(), F_ADD_SEALS, seals) != 0) fail("cannot seal a memory file");
  return file;
}

/// Room for one descriptor beside a packet.
union Beside {
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
  cmsghdr header;
};

struct Sending {
  int file = -1;
  bool at_once = false;
};

bool send_packet(int socket, char first, std::string_view rest, const Sending& how) {
  std::array<iovec, 2> parts{{{&first, 1}, {const_cast<char*>(rest.data()), rest.size()}}};
  msghdr packet{};
  packet.msg_iov = parts.data();
  packet.msg_iovlen = parts.size();
  Beside beside{};
  if (how.file >= 0) {
    packet.msg_control = beside.bytes.data();
    packet.msg_controllen = beside.bytes.size();
    cmsghdr* header = CMSG_FIRSTHDR(&packet);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &how.file, sizeof how.file);
  }
  while (::sendmsg(socket, &packet, MSG_NOSIGNAL | (how.at_once ? MSG_DONTWAIT : 0)) < 0) {
    if (how.at_once && errno == EAGAIN) return false;
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN || errno == EBADF) return false;
    if (errno != EINTR) fail("cannot send to the process of a plugin");
  }
  return true;
}

FileDescriptor file_beside(msghdr& packet) {
  FileDescriptor found;
  for (cmsghdr* header = CMSG_FIRSTHDR(&packet); header != nullptr;
       header = CMSG_NXTHDR(&packet, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    int number = -1;
    std::memcpy(&number, CMSG_DATA(header), sizeof number);
    found = FileDescriptor(number);
  }
  return found;
}

}  // namespace

std::pair<FileDescriptor, FileDescriptor> PacketLine::open() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    fail("cannot make a line to the process of a plugin");
  }
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

bool PacketLine::send(std::string_view bytes) const {
  if (bytes.size() < packet_bytes_max) return send_packet(socket_.number(), here, bytes, {});
  const FileDescriptor large = sealed_file(bytes);
  return send_packet(socket_.number(), in_file, {}, {.file = large.number()});
}

bool PacketLine::send_at_once(std::string_view bytes, int file) const {
  return send_packet(socket_.number(), here, bytes, {.file = file, .at_once = true});
}

void PacketLine::shut() const { ::shutdown(socket_.number(), SHUT_RDWR); }

PacketLine::Received PacketLine::receive_within(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd watched{socket_.number(), POLLIN, 0};
    const int ready =
        ::poll(&watched, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready > 0) return receive();
    if (ready == 0) return Silence::timed_out;
    if (errno != EINTR) fail("cannot wait for the process of a plugin");
  }
}

PacketLine::Received PacketLine::receive_soon(std::chrono::microseconds awake) {
  packet_.resize(packet_bytes_max);
  iovec part{packet_.data(), packet_.size()};
  Beside beside{};
  msghdr packet{};
  const auto receive = [&](int how) {
    packet = {};
    packet.msg_iov = &part;
    packet.msg_iovlen = 1;
    packet.msg_control = beside.bytes.data();
    packet.msg_controllen = CMSG_LEN(sizeof(int));  // what is there for more is room for two
    return ::recvmsg(socket_.number(), &packet, MSG_CMSG_CLOEXEC | how);
  };
  ssize_t length = -1;
  if (awake > std::chrono::microseconds::zero()) {
    const auto end = std::chrono::steady_clock::now() + awake;
    do {
      length = receive(MSG_DONTWAIT);
      // The other end may be waiting for this very processor.
    } while (length < 0 && errno == EAGAIN && ::sched_yield() == 0 &&
             std::chrono::steady_clock::now() < end);
  }
  if (length < 0) {
    do {
      length = receive(0);
    } while (length < 0 && errno == EINTR);
  }
  return received(length, packet);
}

PacketLine::Received PacketLine::received(ssize_t length, msghdr& packet) {
  if (length == 0 || (length < 0 && (errno == ECONNRESET || errno == EBADF))) {
    return Silence::closed;
  }
  if (length < 0) fail("cannot hear the process of a plugin");
  FileDescriptor file = file_beside(packet);
  if ((packet.msg_flags & MSG_TRUNC) != 0) throw BadMessage("a packet is too large");
  if ((packet.msg_flags & MSG_CTRUNC) != 0) throw BadMessage("a descriptor did not arrive");
  const std::string_view rest(packet_.data() + 1, static_cast<std::size_t>(length) - 1);
  if (packet_[0] == here) return Message{rest, std::move(file)};
  if (packet_[0] != in_file || !rest.empty()) throw BadMessage("a packet is of no known kind");
  return Message{read_file(file), {}};
}

/// Copied, so that nothing that happens to the file later can be felt here.
std::string_view PacketLine::read_file(const FileDescriptor& file) {
  struct stat facts {};
  const int sealed_as = file.is_open() ? ::fcntl(file.number(), F_GET_SEALS) : 0;
  const bool sealed = sealed_as >= 0 && (sealed_as & seals) == seals;
  if (!sealed || ::fstat(file.number(), &facts) != 0) {
    throw BadMessage("a message comes in a file that is not sealed");
  }
  const auto size = static_cast<std::size_t>(facts.st_size);
  if (size > bytes_max_) {
    throw BadMessage("a message of " + std::to_string(size) + " bytes is too large");
  }
  if (large_.capacity() > kept_bytes_max) large_ = {};
  large_.resize(size);
  std::size_t read = 0;
  while (read < size) {
    const ssize_t length =
        ::pread(file.number(), large_.data() + read, size - read, static_cast<off_t>(read));
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) throw BadMessage("a message cannot be read");
    read += static_cast<std::size_t>(length);
  }
  return large_;
}

}  // namespace stepd::contained
