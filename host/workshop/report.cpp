#include "host/workshop/report.hpp"

#include <stepd/plugin.h>

#include <array>
#include <cstdio>

namespace stepd::workshop {
namespace {

std::string_view level_name(std::int32_t level) {
  constexpr std::array<std::string_view, 4> names{"debug", "info", "warning", "error"};
  return level >= 0 && level <= STEPD_LOG_ERROR ? names[static_cast<std::size_t>(level)] : "log";
}

/// A walk over a JSON text that puts line breaks where structure is.
class Layout final {
 public:
  void take(char byte) {
    if (in_text_) return take_in_text(byte);
    switch (byte) {
      case ' ':
      case '\t':
      case '\r':
      case '\n':
        return;
      case '"':
        in_text_ = true;
        break;
      case ':':
        out_ += ": ";
        return;
      case ',':
        out_ += ',';
        return break_line();
      case '}':
      case ']':
        --depth_;
        if (!opened_) break_line();
        opened_ = false;
        out_ += byte;
        return;
      default:
        break;
    }
    if (opened_) break_line();
    opened_ = byte == '{' || byte == '[';
    depth_ += opened_ ? 1U : 0U;
    out_ += byte;
  }
  [[nodiscard]] std::string text() && { return std::move(out_); }

 private:
  void take_in_text(char byte) {
    out_ += byte;
    if (escaped_) {
      escaped_ = false;
    } else if (byte == '\\') {
      escaped_ = true;
    } else if (byte == '"') {
      in_text_ = false;
    }
  }
  void break_line() {
    out_ += '\n';
    out_.append(2 * depth_, ' ');
    opened_ = false;
  }

  std::string out_;
  std::size_t depth_ = 0;
  bool in_text_ = false;
  bool escaped_ = false;
  bool opened_ = false;  // the last byte opened a list or an object
};

}  // namespace

void Report::print(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void Report::say(std::string_view line) {
  const std::string whole = std::string(line) + "\n";
  const std::scoped_lock lock(mutex_);
  std::fwrite(whole.data(), 1, whole.size(), stderr);
}

void Report::note(std::string_view line) {
  if (!quiet_) say(line);
}

Listener Report::listener() {
  return {.log =
              [this](std::int32_t level, std::string_view message, std::string_view fields) {
                std::string line(level_name(level));
                line.append(": ").append(message);
                if (!fields.empty()) line.append(" ").append(fields);
                note(line);
              },
          .progress =
              [this](std::uint32_t permille, std::string_view note_text) {
                std::string line = "progress: " + std::to_string(permille / 10) + " %";
                if (!note_text.empty()) line.append(" ").append(note_text);
                note(line);
              },
          .event =
              [this](const engine::SentEvent& event) {
                note("event: " + event.key + " " + event.data.text() +
                     " (there is no daemon to give it to a step)");
              }};
}

std::string laid_out(std::string_view json) {
  Layout layout;
  for (const char byte : json) layout.take(byte);
  return std::move(layout).text();
}

std::string span_text(std::chrono::microseconds span) {
  using namespace std::chrono_literals;
  const auto is_full = [span](auto unit) { return span >= unit && span % unit == 0us; };
  if (is_full(24h)) return std::to_string(span / 24h) + " d";
  if (is_full(1h)) return std::to_string(span / 1h) + " h";
  if (is_full(1min)) return std::to_string(span / 1min) + " min";
  if (is_full(1s)) return std::to_string(span / 1s) + " s";
  std::array<char, 32> text{};
  if (span < 1s) {
    const double milliseconds = static_cast<double>(span.count()) / 1e3;
    const int digits = milliseconds < 10 ? 2 : 0;
    std::snprintf(text.data(), text.size(), "%.*f ms", digits, milliseconds);
  } else {
    std::snprintf(text.data(), text.size(), "%.2f s", static_cast<double>(span.count()) / 1e6);
  }
  return text.data();
}

}  // namespace stepd::workshop
