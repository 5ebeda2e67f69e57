#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stepd::stepctl {

/// One message of an event stream.
struct StreamEvent {
  std::string name;
  std::string id;
  std::string text;
};

/// Text lines into events (WHATWG HTML, "Server-sent events": fields event, id and data; an empty
/// line ends an event; a line that begins with a colon is a comment).
class EventParser final {
 public:
  /// An event, when `line` (without its line end) completes one.
  [[nodiscard]] std::optional<StreamEvent> add(std::string_view line);

 private:
  StreamEvent event_;
  bool has_text_ = false;
};

}  // namespace stepd::stepctl
