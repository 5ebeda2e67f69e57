#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "host/http/head.hpp"

namespace stepd::http {

/// Who may speak on a TCP port: whoever knows the token, from a program and not from a web page. A
/// page elsewhere can make a browser send requests here (CSRF), also under a name of its own that
/// it lets point here (DNS rebinding); Origin and Host give both away.
class TcpGuard {
 public:
  TcpGuard(std::string token, std::uint16_t port);

  /// Throws Refusal (400, 401, 403).
  void admit(const Head& head) const;

 private:
  [[nodiscard]] bool is_ours(std::string_view authority) const;

  std::string token_;
  std::string port_;
};

/// Takes as long for every wrong text of one length.
[[nodiscard]] bool same_secret(std::string_view one, std::string_view other);

}  // namespace stepd::http
