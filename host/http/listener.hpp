#pragma once

#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/StreamSocket.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace stepd::http {

/// An address that cannot be listened on, and why.
struct ListenError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Where to listen: `unix:PATH` or `tcp:HOST:PORT`, HOST being of this machine alone.
struct ListenAddress {
  std::filesystem::path path{};  // unix; else empty
  std::string host{};            // tcp: "127.0.0.1" or "::1"
  std::uint16_t port = 0;        // tcp; 0: any free one
  [[nodiscard]] bool is_unix() const { return !path.empty(); }
};

/// Throws ListenError.
[[nodiscard]] ListenAddress parse_listen_address(std::string_view text);

/// A socket that connections come in at. The file of a unix socket lives as long as it does, in a
/// folder that was there or is made for its owner alone; the file itself is its owner's alone.
class Listener {
 public:
  /// Throws ListenError.
  explicit Listener(const ListenAddress& address);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// What a client connects to, in the form it was parsed from; with the port it got.
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::optional<std::uint16_t> port() const { return port_; }

  /// Waits for a connection until `stop` is readable: then there is none. Throws Poco::Exception
  /// when it cannot be taken in (no descriptors, say).
  [[nodiscard]] std::optional<Poco::Net::StreamSocket> accept(int stop);

 private:
  void listen_on_path();
  void listen_on_port(const ListenAddress& address);

  std::filesystem::path path_;
  std::optional<std::uint16_t> port_;
  std::string text_;
  Poco::Net::ServerSocket socket_;
};

}  // namespace stepd::http
