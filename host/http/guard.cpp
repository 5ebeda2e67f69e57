#include "host/http/guard.hpp"

#include <openssl/crypto.h>

#include <utility>

#include "host/http/problem.hpp"

namespace stepd::http {

bool same_secret(std::string_view one, std::string_view other) {
  return one.size() == other.size() && CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

TcpGuard::TcpGuard(std::string token, std::uint16_t port)
    : token_(std::move(token)), port_(std::to_string(port)) {}

bool TcpGuard::is_ours(std::string_view authority) const {
  const auto colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.substr(colon + 1) != port_) return false;
  const std::string_view host = authority.substr(0, colon);
  return host == "127.0.0.1" || host == "[::1]" || same_name(host, "localhost");
}

void TcpGuard::admit(const Head& head) const {
  const auto host = head.field("Host");
  if (!host) refuse(400, "malformed_request", "the request has no Host");
  if (!is_ours(*host)) {
    refuse(403, "foreign_host",
           "the request is for " + std::string(*host) + "; here answers localhost:" + port_);
  }
  if (const auto origin = head.field("Origin")) {
    constexpr std::string_view scheme = "http://";
    if (!origin->starts_with(scheme) || !is_ours(origin->substr(scheme.size()))) {
      refuse(403, "foreign_origin",
             "pages of " + std::string(*origin) + " may not send requests here");
    }
  }
  const auto authorization = head.field("Authorization");
  constexpr std::string_view scheme = "Bearer ";
  const bool bears = authorization && authorization->size() > scheme.size() &&
                     same_name(authorization->substr(0, scheme.size()), scheme);
  if (!bears || !same_secret(authorization->substr(scheme.size()), token_)) {
    refuse(401, "unauthorized",
           "over TCP every request needs the header Authorization: Bearer TOKEN, with the token of "
           "the host's token file");
  }
}

}  // namespace stepd::http
