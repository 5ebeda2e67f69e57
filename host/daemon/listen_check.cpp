#include "host/daemon/listen_check.hpp"

#include "host/http/listener.hpp"

namespace stepd::daemon {

ListenCheck check_listen_address(const std::string& address) {
  try {
    return {.over_tcp = !http::parse_listen_address(address).is_unix(), .problem = {}};
  } catch (const http::ListenError& error) {
    return {.over_tcp = false, .problem = error.what()};
  }
}

}  // namespace stepd::daemon
