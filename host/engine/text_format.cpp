#include "host/engine/text_format.hpp"

#include <algorithm>

#include "host/engine/span.hpp"

namespace stepd::engine {
namespace {

/// As the SDK reads them into an argument: without a fraction.
bool is_duration(std::string_view text) {
  return text.find('.') == text.npos && parse_span(text).has_value();
}

/// With a host, without a user, and with a path; what else is wrong with it, the one who calls it
/// finds out.
bool is_http_url(std::string_view text) {
  constexpr std::string_view scheme = "http://";
  const bool is_word = std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
  if (!is_word || !text.starts_with(scheme)) return false;
  text.remove_prefix(scheme.size());
  const std::size_t path = text.find('/');
  if (path == text.npos) return false;
  std::string_view host = text.substr(0, path);
  const std::size_t colon = host.rfind(':');
  const bool names_port = colon != host.npos && host.find(']', colon) == host.npos;
  if (names_port) {
    const std::string_view port = host.substr(colon + 1);
    if (port.empty() || !std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; })) {
      return false;
    }
    host = host.substr(0, colon);
  }
  return !host.empty() && host.find('@') == host.npos;
}

}  // namespace

std::string_view unmet_format(std::string_view format, std::string_view text) {
  if (format == "stepd-duration" && !is_duration(text)) {
    return "a duration such as 200ms, 30s, 5m or 2h";
  }
  if (format == "http-url" && !is_http_url(text)) return "a URL such as http://HOST:PORT/PATH";
  return {};
}

}  // namespace stepd::engine
