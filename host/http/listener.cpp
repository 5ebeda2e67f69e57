#include "host/http/listener.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/IPAddress.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/SocketImpl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>

namespace stepd::http {
namespace {

namespace fs = std::filesystem;
using Poco::Net::SocketAddress;

constexpr int backlog = 512;
constexpr std::size_t path_bytes_max = sizeof(sockaddr_un{}.sun_path) - 1;

ListenAddress parse_path(std::string_view text) {
  if (text.empty()) throw ListenError("unix: needs the path of a socket: unix:/run/stepd.sock");
  if (text.size() > path_bytes_max) {
    throw ListenError("the socket path " + std::string(text) + " has " +
                      std::to_string(text.size()) + " bytes; the system takes at most " +
                      std::to_string(path_bytes_max) + ": choose a shorter one");
  }
  return {.path = fs::path(text)};
}

ListenAddress parse_port(std::string_view text) {
  const auto refused = [&](const std::string& why) {
    return ListenError("cannot listen on tcp:" + std::string(text) + ": " + why);
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) throw refused("it is tcp:HOST:PORT");
  std::string host(text.substr(0, colon));
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    throw refused("the port is no number up to 65535");
  }
  if (host == "localhost") host = "127.0.0.1";
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host != "127.0.0.1" && host != "::1") {
    throw refused(
        "only 127.0.0.1, [::1] and localhost are listened on; put a proxy with TLS in "
        "front for others");
  }
  return {.host = std::move(host), .port = port};
}

/// Someone answers on the socket file; a file that nobody answers on is what a killed host left.
bool is_answered(const fs::path& path) {
  try {
    const Poco::Net::StreamSocket probe(SocketAddress(SocketAddress::UNIX_LOCAL, path.string()));
    return true;
  } catch (const Poco::Exception&) {
    return false;
  }
}

void make_place(const fs::path& path) {
  if (const fs::path folder = path.parent_path(); !folder.empty() && !fs::exists(folder)) {
    fs::create_directories(folder);
    fs::permissions(folder, fs::perms::owner_all);
  }
  const fs::file_status status = fs::symlink_status(path);
  if (!fs::exists(status)) return;
  if (!fs::is_socket(status)) {
    throw ListenError(path.string() + " is there and is no socket: choose another path");
  }
  if (is_answered(path)) {
    throw ListenError("another process answers on " + path.string() +
                      ": stop it, or choose another path");
  }
  fs::remove(path);
}

}  // namespace

ListenAddress parse_listen_address(std::string_view text) {
  constexpr std::string_view unix_scheme = "unix:";
  constexpr std::string_view tcp_scheme = "tcp:";
  if (text.starts_with(unix_scheme)) return parse_path(text.substr(unix_scheme.size()));
  if (text.starts_with(tcp_scheme)) return parse_port(text.substr(tcp_scheme.size()));
  throw ListenError("cannot listen on " + std::string(text) + ": it is unix:PATH or tcp:HOST:PORT");
}

Listener::Listener(const ListenAddress& address) {
  try {
    if (address.is_unix()) {
      make_place(address.path);
      path_ = address.path;
      listen_on_path();
    } else {
      listen_on_port(address);
    }
  } catch (const Poco::Exception& error) {
    const std::string where = address.is_unix()
                                  ? address.path.string()
                                  : address.host + " port " + std::to_string(address.port);
    throw ListenError("cannot listen on " + where + ": " + error.displayText());
  } catch (const fs::filesystem_error& error) {
    throw ListenError("cannot make the socket " + address.path.string() + ": " + error.what());
  }
}

void Listener::listen_on_path() {
  socket_.bind(SocketAddress(SocketAddress::UNIX_LOCAL, path_.string()));
  fs::permissions(path_, fs::perms::owner_read | fs::perms::owner_write);
  socket_.listen(backlog);
  text_ = "unix:" + path_.string();
}

void Listener::listen_on_port(const ListenAddress& address) {
  const SocketAddress wanted(Poco::Net::IPAddress(address.host), address.port);
  if (wanted.family() == SocketAddress::IPv6) {
    socket_.bind6(wanted, true, true);
  } else {
    socket_.bind(wanted, true, false);
  }
  socket_.listen(backlog);
  port_ = socket_.address().port();
  text_ = "tcp:" + socket_.address().toString();
}

Listener::~Listener() {
  if (path_.empty()) return;
  std::error_code gone_already;
  fs::remove(path_, gone_already);
}

std::optional<Poco::Net::StreamSocket> Listener::accept(int stop) {
  std::array<pollfd, 2> waits{pollfd{socket_.impl()->sockfd(), POLLIN, 0}, pollfd{stop, POLLIN, 0}};
  while (::poll(waits.data(), waits.size(), -1) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
  }
  if (waits[1].revents != 0) return std::nullopt;
  Poco::Net::StreamSocket accepted = socket_.acceptConnection();
  if (port_) accepted.setNoDelay(true);
  return accepted;
}

}  // namespace stepd::http
