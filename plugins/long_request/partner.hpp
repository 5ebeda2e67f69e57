#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <stepd/context.hpp>
#include <string>

namespace long_request {

struct Message {
  std::string method;  // "POST"
  std::string url;     // http alone, with a path
  std::string correlation_id;
  std::string body{};  // JSON or empty
};

struct Answer {
  static constexpr std::size_t body_bytes_max = 256 * 1024;  // what comes after is left unread
  int status = 0;
  std::string reason;
  std::string body;
};

/// Whoever is at the other end: of each exchange both halves are written down. Any thread.
class Partner {
 public:
  Partner(std::filesystem::path database, std::chrono::milliseconds timeout);

  /// Sends one message over a connection of its own, with the step's Idempotency-Key, and reads the
  /// answer whole. Throws Refused for what is no http URL and without a correlation id, Retry when
  /// no whole answer came.
  [[nodiscard]] Answer exchange(const stepd::Context& context, const Message& message) const;

  [[nodiscard]] const std::filesystem::path& database() const { return database_; }

 private:
  std::filesystem::path database_;
  std::chrono::milliseconds timeout_;
};

}  // namespace long_request
