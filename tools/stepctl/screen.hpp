#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace stepd::stepctl {

/// What the reader of a stream can show.
struct Screen {
  bool terminal = false;
  bool colour = false;
  bool unicode = false;
  std::size_t columns = 0;  // 0: as wide as it gets
  std::size_t lines = 0;    // 0: as long as it gets
};

/// Asks the system about file descriptor `fd`. Colour only on a terminal and without NO_COLOR.
[[nodiscard]] Screen look_at(int fd);

/// What a piece of text means to its reader; a terminal shows it as a colour.
enum class Tone : std::uint8_t { plain, good, bad, warn, busy, dim, strong };

[[nodiscard]] std::string paint(std::string_view text, Tone tone, const Screen& screen);

/// The tone of a job's or a step's state.
[[nodiscard]] Tone tone_of_state(std::string_view state);

/// The text with control characters made visible: what a server or a plugin says must not steer
/// the reader's terminal. Newlines and tabs become spaces.
[[nodiscard]] std::string printable(std::string_view text);

/// How many columns UTF-8 text takes (one for every code point).
[[nodiscard]] std::size_t width_of(std::string_view text);

/// The text cut to `columns`, its end replaced by an ellipsis where something is missing.
[[nodiscard]] std::string cut(std::string_view text, std::size_t columns, bool unicode);

/// 12345 as "12,345".
[[nodiscard]] std::string grouped(std::uint64_t number);
/// "1 job", "2,000 jobs".
[[nodiscard]] std::string counted(std::int64_t count, std::string_view thing);
/// "12.4 MiB", "840 bytes".
[[nodiscard]] std::string bytes_text(std::int64_t bytes);

}  // namespace stepd::stepctl
