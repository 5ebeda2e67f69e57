#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <variant>

namespace stepd::stepctl {

/// Where the daemon listens, and who said so.
struct Address {
  enum class Kind : std::uint8_t { unix_socket, tcp };
  Kind kind = Kind::unix_socket;
  std::string path;  // unix_socket
  std::string host;  // tcp
  std::uint16_t port = 0;
  std::string origin;  // "--server", "$STEPD_SERVER", "the default for root"
};

/// "unix:/run/stepd.sock", "tcp:127.0.0.1:7070".
[[nodiscard]] std::string to_text(const Address& address);

/// What the answer to "which daemon?" depends on.
struct Surroundings {
  std::string server_flag;  // empty: not given; likewise below
  std::string server_variable;
  std::string state_home;  // $XDG_STATE_HOME
  std::string home;
  bool root = false;
  std::function<bool(const std::filesystem::path&)> exists;
};

/// An address, or a sentence saying what is wrong with the one given: the flag before
/// $STEPD_SERVER before the default state folder of this user. A user whose own daemon was never
/// started falls back to root's.
[[nodiscard]] std::variant<Address, std::string> find_server(const Surroundings& surroundings);

/// How to start a daemon that would listen there.
[[nodiscard]] std::string command_that_starts(const Address& address);

}  // namespace stepd::stepctl
