#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// Lines to stderr: the event first, then its fields in a fixed order. Any thread.
namespace stepd::daemon::log {

/// Before anything is logged. The level is one of the configuration's words.
void set_up(std::string_view level);
/// What has been logged is written.
void flush();

void debug(const std::string& line);
void info(const std::string& line);
void warn(const std::string& line);
void error(const std::string& line);
/// At one of the plugin ABI's levels: 0 debug, 1 info, 2 warning, 3 error.
void at_level(std::int32_t level, const std::string& line);

/// Text as a field's value: in quotes, on one line.
[[nodiscard]] std::string quoted(std::string_view text);
/// JSON as a field's value: the line ends that may stand between its tokens become blanks.
[[nodiscard]] std::string on_one_line(std::string_view json);

}  // namespace stepd::daemon::log
