#include "tools/stepctl/screen.hpp"

#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace stepd::stepctl {
namespace {

std::string_view colour_of(Tone tone) {
  switch (tone) {
    case Tone::plain:
      return "";
    case Tone::good:
      return "\x1b[32m";
    case Tone::bad:
      return "\x1b[31m";
    case Tone::warn:
      return "\x1b[33m";
    case Tone::busy:
      return "\x1b[36m";
    case Tone::dim:
      return "\x1b[2m";
    case Tone::strong:
      return "\x1b[1m";
  }
  return "";
}

bool continues_code_point(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

}  // namespace

Screen look_at(int fd) {
  Screen screen;
  screen.terminal = isatty(fd) == 1;
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  const char* no_color = std::getenv("NO_COLOR");
  screen.colour = screen.terminal && !dumb && (no_color == nullptr || *no_color == '\0');
  screen.unicode = std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
  winsize size{};
  if (screen.terminal && ioctl(fd, TIOCGWINSZ, &size) == 0) {
    screen.columns = size.ws_col;
    screen.lines = size.ws_row;
  }
  return screen;
}

std::string paint(std::string_view text, Tone tone, const Screen& screen) {
  if (!screen.colour || tone == Tone::plain || text.empty()) return std::string(text);
  return std::string(colour_of(tone)).append(text).append("\x1b[0m");
}

Tone tone_of_state(std::string_view state) {
  if (state == "succeeded") return Tone::good;
  if (state == "failed" || state == "parked" || state == "abandoned") return Tone::bad;
  if (state == "compensated" || state == "cancelled" || state == "compensating" ||
      state == "retrying" || state == "left" || state == "stopping") {
    return Tone::warn;
  }
  if (state == "running" || state == "ready") return Tone::busy;
  if (state == "pending" || state == "never" || state == "queued" || state == "discarded") {
    return Tone::dim;
  }
  return Tone::plain;
}

std::string printable(std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string shown;
  shown.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    // U+0080 to U+009F are control characters too, two bytes each in UTF-8.
    const bool c1 =
        byte == 0xC2U && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xA0U;
    if (byte == '\n' || byte == '\t' || byte == '\r') {
      shown += ' ';
    } else if (byte < 0x20U || byte == 0x7FU) {
      shown.append("\\x").append(1, digits[byte >> 4U]).append(1, digits[byte & 0xFU]);
    } else if (c1) {
      shown += '?';
      ++at;
    } else {
      shown += text[at];
    }
  }
  return shown;
}

std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) width += continues_code_point(c) ? 0 : 1;
  return width;
}

std::string cut(std::string_view text, std::size_t columns, bool unicode) {
  if (width_of(text) <= columns) return std::string(text);
  const std::string_view ellipsis = unicode ? "…" : "...";
  const std::size_t ellipsis_width = width_of(ellipsis);
  if (columns <= ellipsis_width) return std::string(ellipsis);
  std::size_t kept = 0;
  std::size_t end = 0;
  while (end < text.size()) {
    if (!continues_code_point(text[end]) && kept++ == columns - ellipsis_width) break;
    ++end;
  }
  return std::string(text.substr(0, end)).append(ellipsis);
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string counted(std::int64_t count, std::string_view thing) {
  return grouped(static_cast<std::uint64_t>(count)) + " " + std::string(thing) +
         (count == 1 ? "" : "s");
}

std::string bytes_text(std::int64_t bytes) {
  constexpr std::int64_t kibi = 1024;
  if (bytes < kibi) return std::to_string(bytes) + " bytes";
  std::int64_t unit = kibi;
  std::string_view name = "KiB";
  for (const std::string_view larger : {"MiB", "GiB", "TiB"}) {
    if (bytes / unit < kibi) break;
    unit *= kibi;
    name = larger;
  }
  const std::int64_t tenths = bytes * 10 / unit;
  std::string text = std::to_string(tenths / 10);
  if (tenths < 100) text += "." + std::to_string(tenths % 10);
  return text + " " + std::string(name);
}

}  // namespace stepd::stepctl
