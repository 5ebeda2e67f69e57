#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "host/http/problem.hpp"

namespace stepd::http {

/// An answer that is whole before its first byte is sent.
struct Reply {
  int status = 200;
  std::string body{};
  std::string_view content_type = "application/json";
  std::string fields{};  // further header fields, each ending with CR LF
};

[[nodiscard]] inline Reply reply_to(const Problem& problem) {
  return {.status = problem.status,
          .body = to_json(problem),
          .content_type = "application/problem+json"};
}

/// Where an event stream goes. One thread, the connection's.
class StreamPort {
 public:
  virtual ~StreamPort() = default;
  /// False: the client is gone, end the stream.
  [[nodiscard]] virtual bool send(std::string_view bytes) = 0;
  enum class Wake { signal, time, gone };
  /// Waits until the descriptor is readable, the time is over, or the client has gone.
  [[nodiscard]] virtual Wake wait(int descriptor, std::chrono::milliseconds at_most) = 0;
};

/// An answer that goes on for as long as it likes: run once, after the head has been sent.
using Stream = std::function<void(StreamPort&)>;

using Answer = std::variant<Reply, Stream>;

}  // namespace stepd::http
