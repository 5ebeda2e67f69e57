#include "tools/stepctl/event_parser.hpp"

#include <utility>

namespace stepd::stepctl {

std::optional<StreamEvent> EventParser::add(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) {
    StreamEvent done = std::exchange(event_, {});
    event_.id = done.id;  // the last id stays in force
    if (!std::exchange(has_text_, false)) return std::nullopt;
    return done;
  }
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == line.npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") {
    event_.name = value;
  } else if (field == "id") {
    event_.id = value;
  } else if (field == "data") {
    if (has_text_) event_.text += '\n';
    event_.text += value;
    has_text_ = true;
  }
  return std::nullopt;
}

}  // namespace stepd::stepctl
