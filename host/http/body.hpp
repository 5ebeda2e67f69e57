#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "host/http/head.hpp"
#include "host/http/wire.hpp"

namespace stepd::http {

/// The body of one request, read as it is asked for. What is wrong with it (too large, cut off, too
/// slow) is thrown as Refusal, or as ClientGone when nobody is left to be told.
class Body {
 public:
  Body(Wire& wire, const Head& head);

  /// The whole body; refused when it has more than `bytes_max` bytes. Valid until the next call.
  [[nodiscard]] std::string_view all(std::uint64_t bytes_max);

  /// From here on a body of more bytes is refused: at once when it says its length, else as soon as
  /// they have come.
  void limit(std::uint64_t bytes_max);

  /// The next piece; empty at the end. Valid until the next call.
  [[nodiscard]] std::string_view piece();

  /// What was handed out last is not looked at any more.
  void let_go();

  /// Everything was read: another request may follow.
  [[nodiscard]] bool finished() const { return finished_; }

 private:
  void invite();
  void receive();
  [[nodiscard]] std::string_view line();
  void begin_chunk();
  void end_chunk();
  void read_trailer();

  Wire& wire_;
  bool chunked_;
  bool invited_;
  bool finished_;
  bool in_chunk_ = false;
  bool chunk_before_ = false;  // whose end has not been read yet
  std::uint64_t declared_;
  std::uint64_t left_;  // of the body, or of the present chunk
  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;  // handed out so far
  std::size_t given_ = 0;    // bytes of the wire's buffer that were handed out last
  std::string whole_;
};

/// The client closed the connection in the middle of a request.
struct ClientGone {};

/// The lines of a body, one by one, the last one with or without a line end.
class BodyLines {
 public:
  BodyLines(Body& body, std::size_t line_bytes_max) : body_(body), bytes_max_(line_bytes_max) {}

  struct Line {
    std::string_view text;  // valid until the next call
    bool too_long = false;  // it was skipped; `text` is empty
  };
  /// Absent at the end.
  [[nodiscard]] std::optional<Line> next();

 private:
  [[nodiscard]] Line cut(std::size_t bytes);

  Body& body_;
  std::size_t bytes_max_;
  std::string kept_;  // the beginning of a line whose end has not come yet
  std::string line_;
  std::string_view piece_;
  bool skipping_ = false;
  bool ended_ = false;
};

}  // namespace stepd::http
