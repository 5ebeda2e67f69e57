#include "host/http/body.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "host/http/problem.hpp"

namespace stepd::http {
namespace {

[[noreturn]] void too_large(std::uint64_t bytes, bool at_least, std::uint64_t bytes_max) {
  refuse(413, "body_too_large",
         "the body has " + std::string(at_least ? "more than " : "") + std::to_string(bytes) +
             " bytes; at most " + std::to_string(bytes_max) + " are taken: send less at a time");
}

[[noreturn]] void bad_chunk() {
  refuse(400, "malformed_request", "the chunked body is not framed as RFC 9112 says");
}

}  // namespace

Body::Body(Wire& wire, const Head& head)
    : wire_(wire),
      chunked_(head.chunked),
      invited_(!head.expects_continue),
      finished_(!head.chunked && head.length == 0),
      declared_(head.length),
      left_(head.length),
      bytes_max_(std::numeric_limits<std::uint64_t>::max()) {}

void Body::limit(std::uint64_t bytes_max) {
  bytes_max_ = bytes_max;
  if (!chunked_ && declared_ > bytes_max) too_large(declared_, false, bytes_max);
}

std::string_view Body::all(std::uint64_t bytes_max) {
  limit(bytes_max);
  const std::string_view first = piece();
  if (finished_) return first;
  whole_.clear();
  if (!chunked_) whole_.reserve(declared_);
  for (auto next = first; !next.empty(); next = piece()) {
    whole_ += next;
  }
  return whole_;
}

std::string_view Body::piece() {
  let_go();
  if (chunked_ && !in_chunk_ && !finished_) begin_chunk();
  if (finished_) return {};
  while (wire_.buffered().empty()) receive();
  const auto bytes =
      static_cast<std::size_t>(std::min<std::uint64_t>(left_, wire_.buffered().size()));
  left_ -= bytes;
  const std::string_view piece = wire_.buffered().substr(0, bytes);
  given_ = bytes;
  bytes_ += bytes;
  if (bytes_ > bytes_max_) too_large(bytes_max_, true, bytes_max_);
  if (left_ == 0) chunked_ ? void(in_chunk_ = false) : void(finished_ = true);
  return piece;
}

void Body::let_go() { wire_.take(std::exchange(given_, 0)); }

/// The client waits to be told that its body is wanted.
void Body::invite() {
  if (std::exchange(invited_, true)) return;
  if (!wire_.send("HTTP/1.1 100 Continue\r\n\r\n")) throw ClientGone{};
}

void Body::receive() {
  invite();
  switch (wire_.receive()) {
    case Wire::Arrival::bytes:
      return;
    case Wire::Arrival::closed:
      throw ClientGone{};
    case Wire::Arrival::slow:
      refuse(408, "too_slow", "the body did not arrive in time: send the request again");
  }
}

std::string_view Body::line() {
  constexpr std::size_t bytes_max = 1024;
  for (;;) {
    const auto end = wire_.buffered().find("\r\n");
    if (end != std::string_view::npos && end <= bytes_max) return wire_.buffered().substr(0, end);
    if (wire_.buffered().size() > bytes_max) bad_chunk();
    receive();
  }
}

void Body::begin_chunk() {
  if (chunk_before_) end_chunk();
  chunk_before_ = true;
  const std::string_view text = line();
  const auto stop = text.find_first_of("; \t");
  const std::string_view digits = text.substr(0, stop);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) bad_chunk();
  wire_.take(text.size() + 2);
  if (left_ == 0) return read_trailer();
  in_chunk_ = true;
}

/// Behind every chunk stands an empty line.
void Body::end_chunk() {
  if (!line().empty()) bad_chunk();
  wire_.take(2);
}

/// Trailer fields mean nothing here and are dropped.
void Body::read_trailer() {
  constexpr int lines_max = 100;
  for (int lines = 0; lines < lines_max; ++lines) {
    const std::size_t bytes = line().size();
    wire_.take(bytes + 2);
    if (bytes == 0) {
      finished_ = true;
      return;
    }
  }
  bad_chunk();
}

BodyLines::Line BodyLines::cut(std::size_t bytes) {
  const bool too_long = skipping_ || kept_.size() + bytes > bytes_max_;
  line_.clear();
  if (!too_long) {
    line_ = std::exchange(kept_, {});
    line_ += piece_.substr(0, bytes);
    if (line_.ends_with('\r')) line_.pop_back();
  }
  kept_.clear();
  skipping_ = false;
  return {line_, too_long};
}

std::optional<BodyLines::Line> BodyLines::next() {
  while (!ended_) {
    if (const auto end = piece_.find('\n'); end != std::string_view::npos) {
      const Line line = cut(end);
      piece_.remove_prefix(end + 1);
      return line;
    }
    skipping_ = skipping_ || kept_.size() + piece_.size() > bytes_max_;
    skipping_ ? kept_.clear() : void(kept_ += piece_);
    piece_ = body_.piece();
    ended_ = piece_.empty();
  }
  if (kept_.empty() && !skipping_) return std::nullopt;
  return cut(0);
}

}  // namespace stepd::http
