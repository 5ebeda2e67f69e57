#pragma once

#include <Poco/Net/Context.h>
#include <Poco/URI.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>

namespace http {

struct Outgoing {
  std::string method;  // "GET"
  Poco::URI url;       // http or https, with a host
  std::string target;  // path and query, as they are sent
  std::map<std::string, std::string> headers;
  std::string body;
};

struct Bounds {
  // Of all but looking up the host's name: the resolver has its own time, see resolv.conf(5).
  std::chrono::milliseconds timeout{};
  std::size_t body_bytes_max = 0;
  int stop_fd = -1;  // once readable, the exchange ends at the next wait; -1: none
};

struct Incoming {
  int status = 0;
  std::string reason;
  std::map<std::string, std::string> headers;  // names in lower case; repeated ones with ", "
  std::string body;
  bool body_cut = false;  // it was longer than body_bytes_max
};

/// No answer, or half of one. Whether the server acted on the request is not known.
class ExchangeFailed : public std::runtime_error {
 public:
  enum class Cause { unreachable, tls, timed_out, stopped, broken_answer };

  ExchangeFailed(Cause cause, const std::string& message)
      : std::runtime_error{message}, cause_{cause} {}
  [[nodiscard]] Cause cause() const { return cause_; }

 private:
  Cause cause_;
};

/// Sends one request over a connection of its own and reads the answer whole (RFC 9112). Redirects
/// are answers like any other. `tls` is used for https alone. Any thread.
[[nodiscard]] Incoming exchange(const Outgoing& outgoing, const Bounds& bounds,
                                const Poco::Net::Context::Ptr& tls);

}  // namespace http
