#pragma once

#include <string>

namespace stepd::daemon {

/// What the door will say of an address, without listening on it.
struct ListenCheck {
  bool over_tcp = false;
  std::string problem;  // empty: it can be tried
};
[[nodiscard]] ListenCheck check_listen_address(const std::string& address);

}  // namespace stepd::daemon
