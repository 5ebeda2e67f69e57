#include "host/engine/text_format.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace stepd::engine {
namespace {

bool is_duration(std::string_view text) {
  constexpr std::array<std::string_view, 6> units{"us", "ms", "s", "m", "h", "d"};
  std::int64_t count = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || count < 0) return false;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  return std::ranges::find(units, text) != units.end();
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
