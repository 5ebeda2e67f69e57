#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "host/workshop/trial_ports.hpp"

namespace stepd::workshop {

/// What a trial tells: results on stdout, what is said about them on stderr. Any thread.
class Report final {
 public:
  explicit Report(bool quiet) : quiet_(quiet) {}
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;

  /// To stdout.
  void print(std::string_view text);
  /// A line on stderr, also when quiet: errors.
  void say(std::string_view line);
  /// A line on stderr unless quiet.
  void note(std::string_view line);

  [[nodiscard]] bool is_quiet() const { return quiet_; }

  /// Notes what a call says, as it comes. The report is borrowed.
  [[nodiscard]] Listener listener();

 private:
  const bool quiet_;
  std::mutex mutex_;  // one line at a time
};

/// JSON laid out over lines, two blanks an indent; numbers and texts stay as they are. The text is
/// JSON.
[[nodiscard]] std::string laid_out(std::string_view json);

/// "3 ms", "1.25 s"
[[nodiscard]] std::string span_text(std::chrono::microseconds span);

}  // namespace stepd::workshop
