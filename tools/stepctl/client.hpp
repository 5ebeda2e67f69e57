#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "tools/stepctl/address.hpp"
#include "tools/stepctl/event_feed.hpp"
#include "tools/stepctl/span_text.hpp"

namespace stepd::stepctl {

/// What the daemon answered, not judged.
struct Answer {
  int status = 0;
  std::string body;
  std::optional<Instant> at;  // when it was given

  [[nodiscard]] bool is_good() const { return status >= 200 && status < 300; }
};

/// Nobody answers at the address.
class Unreachable : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The daemon was there and the connection ended before the answer was complete; what became of
/// the request is not known.
class ConnectionLost : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Speaks HTTP with one daemon, over a new connection for each request. One thread at a time.
class Client final {
 public:
  struct Credentials {
    std::string token;   // empty: none
    std::string tenant;  // empty: the default one
  };
  Client(Address address, Credentials credentials)
      : address_(std::move(address)), credentials_(std::move(credentials)) {}

  /// All throw Unreachable and ConnectionLost. `path` goes with its query.
  [[nodiscard]] Answer get(const std::string& path) const;
  [[nodiscard]] Answer post(const std::string& path, const std::string& body,
                            const std::string& content_type = "application/json") const;
  /// For what may take minutes: waits for the answer as long as the daemon is there.
  [[nodiscard]] Answer post_patiently(const std::string& path, const std::string& body) const;
  [[nodiscard]] Answer remove(const std::string& path) const;

  /// An open event stream, or the answer that came instead of one.
  struct Opened {
    std::unique_ptr<EventFeed> feed;  // empty when refused
    Answer answer;
  };
  [[nodiscard]] Opened open_events(const std::string& path) const;

  [[nodiscard]] const Address& address() const { return address_; }

 private:
  Address address_;
  Credentials credentials_;
};

/// The text as a part of a path or of a query.
[[nodiscard]] std::string encoded(const std::string& text);

/// A random UUID.
[[nodiscard]] std::string random_id();

}  // namespace stepd::stepctl
