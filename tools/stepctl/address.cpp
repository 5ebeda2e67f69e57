#include "tools/stepctl/address.hpp"

#include <charconv>

namespace stepd::stepctl {
namespace {

constexpr std::string_view forms =
    "give unix:PATH, tcp:HOST:PORT or http://HOST:PORT (for example "
    "unix:/var/lib/stepd/stepd.sock)";
constexpr std::size_t socket_path_max = 107;  // sockaddr_un, less its final zero
constexpr std::string_view root_socket = "/var/lib/stepd/stepd.sock";

std::string wrong(std::string_view text, const std::string& origin, std::string_view fact) {
  return "\"" + std::string(text) + "\" (from " + origin +
         ") is no server address: " + std::string(fact) + "; " + std::string(forms);
}

std::variant<Address, std::string> unix_address(std::string path, std::string origin) {
  if (path.empty()) return wrong("unix:", origin, "the path is missing");
  if (path.size() > socket_path_max) {
    return "the socket path " + path + " (from " + origin + ") has " + std::to_string(path.size()) +
           " bytes, but the system takes 107: use a shorter "
           "state folder, or a relative path";
  }
  Address address;
  address.path = std::move(path);
  address.origin = std::move(origin);
  return address;
}

std::variant<Address, std::string> tcp_address(std::string_view place, std::string_view given,
                                               std::string origin) {
  while (place.ends_with('/')) place.remove_suffix(1);
  const std::size_t colon = place.rfind(':');
  if (colon == place.npos) return wrong(given, origin, "the port is missing");
  std::string_view host = place.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string_view digits = place.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [stop, trouble] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (trouble != std::errc() || stop != digits.data() + digits.size() || port == 0) {
    return wrong(given, origin, "the port is no number from 1 to 65535");
  }
  if (host.empty()) return wrong(given, origin, "the host is missing");
  Address address;
  address.kind = Address::Kind::tcp;
  address.host = std::string(host);
  address.port = port;
  address.origin = std::move(origin);
  return address;
}

std::variant<Address, std::string> parse(std::string_view text, std::string origin) {
  constexpr std::string_view unix_prefix = "unix:";
  constexpr std::string_view tcp_prefix = "tcp:";
  constexpr std::string_view http_prefix = "http://";
  if (text.starts_with(unix_prefix)) {
    return unix_address(std::string(text.substr(unix_prefix.size())), std::move(origin));
  }
  if (text.starts_with('/')) return unix_address(std::string(text), std::move(origin));
  if (text.starts_with(tcp_prefix)) {
    return tcp_address(text.substr(tcp_prefix.size()), text, std::move(origin));
  }
  if (text.starts_with(http_prefix)) {
    return tcp_address(text.substr(http_prefix.size()), text, std::move(origin));
  }
  if (text.starts_with("https://")) {
    return wrong(text, origin, "stepd does not speak TLS itself, so go through a tunnel");
  }
  return wrong(text, origin, "it begins with none of unix:, tcp: and http://");
}

}  // namespace

std::string to_text(const Address& address) {
  if (address.kind == Address::Kind::unix_socket) return "unix:" + address.path;
  const bool ipv6 = address.host.find(':') != std::string::npos;
  const std::string host = ipv6 ? "[" + address.host + "]" : address.host;
  return "tcp:" + host + ":" + std::to_string(address.port);
}

std::variant<Address, std::string> find_server(const Surroundings& surroundings) {
  if (!surroundings.server_flag.empty()) return parse(surroundings.server_flag, "--server");
  if (!surroundings.server_variable.empty()) {
    return parse(surroundings.server_variable, "$STEPD_SERVER");
  }
  if (surroundings.root) return unix_address(std::string(root_socket), "the default for root");

  std::filesystem::path folder = surroundings.state_home;
  // The XDG base directory specification: a relative path is to be ignored.
  if (!folder.is_absolute()) folder = std::filesystem::path(surroundings.home) / ".local/state";
  const std::filesystem::path own = folder / "stepd/stepd.sock";
  if (!surroundings.exists(own) && surroundings.exists(root_socket)) {
    return unix_address(std::string(root_socket), "root's, as this user has none");
  }
  return unix_address(own.string(), "the default for this user");
}

std::string command_that_starts(const Address& address) {
  if (address.kind == Address::Kind::tcp) {
    return "stepd --listen " + to_text(address) + "   (with token_file in its configuration)";
  }
  const std::filesystem::path path(address.path);
  if (path.filename() != "stepd.sock") return "stepd --listen " + to_text(address);
  if (address.origin.starts_with("the default")) return "stepd";
  return "stepd --state-dir " + path.parent_path().string();
}

}  // namespace stepd::stepctl
