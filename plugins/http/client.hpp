#pragma once

#include <Poco/Net/Context.h>

#include <boost/describe.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stepd/plugin.hpp>
#include <string>

#include "plugins/http/exchange.hpp"

namespace http {

/// What the operator may set.
struct Settings {
  std::string ca_file;  // PEM; empty: the system's certificate authorities
  std::chrono::milliseconds timeout = std::chrono::seconds{30};
  std::int64_t body_bytes_max = 512 * 1024;
};
BOOST_DESCRIBE_STRUCT(Settings, (), (ca_file, timeout, body_bytes_max))

/// What all requests of this plugin share. Any thread.
class Client {
 public:
  /// Throws stepd::Refused when a setting cannot be.
  explicit Client(const Settings& settings);

  [[nodiscard]] Incoming send(const Outgoing& outgoing,
                              std::optional<std::chrono::milliseconds> timeout, int stop_fd) const;

 private:
  std::chrono::milliseconds timeout_;
  std::size_t body_bytes_max_;
  Poco::Net::Context::Ptr tls_;
};

/// Shared by the plugin's description, which fills it when the plugin is configured, and by the
/// object of each call.
using SharedClient = std::shared_ptr<std::optional<Client>>;

}  // namespace http
