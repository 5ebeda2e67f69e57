#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <variant>

#include "tools/stepctl/event_parser.hpp"

namespace stepd::stepctl {

/// The stream ended; whether all was said shows in the events before.
struct StreamEnded {};

/// Reads an event stream on a thread of its own, so that the reader can draw while nothing
/// happens. The mailbox between the two holds 256 events; when it is full, the reading waits.
class EventFeed {
 public:
  EventFeed() = default;
  EventFeed(const EventFeed&) = delete;
  EventFeed& operator=(const EventFeed&) = delete;
  virtual ~EventFeed() = default;

  using News = std::variant<StreamEvent, StreamEnded>;
  /// The next event; absent when `patience` passed without one.
  [[nodiscard]] virtual std::optional<News> next(std::chrono::milliseconds patience) = 0;
};

}  // namespace stepd::stepctl
