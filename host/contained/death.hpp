#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/contained/shared_page.hpp"
#include "host/engine/outcome.hpp"

namespace stepd::contained {

/// How a process of a plugin ended, and who may have brought it down.
struct Death {
  /// Why the host itself has killed it, if it has.
  enum class ByHost : std::uint8_t { no, overran, nonsense, trouble };
  ByHost by_host = ByHost::no;
  int status = 0;                        // as waitpid tells it
  bool told = false;                     // the process itself has told what follows
  std::uint32_t signal = 0;              // 0: it called exit
  bool from_outside = false;             // the signal came from another process
  std::vector<std::string> backtrace;    // innermost first, names as the linker has them
  std::optional<std::uint32_t> culprit;  // the line whose call's code ended it, or did not stop
  std::vector<std::uint32_t> in_flight;  // lines with a call when it ended
  std::string printed;                   // the last it printed
  engine::Usage used;                    // cpu: of the call whose code ended it
};

/// Copied and checked: the page may say anything.
[[nodiscard]] Death read_last_words(const LastWords& words, int status);

/// The line whose call ended it, if that is proven or nobody else can have: `alone` says that there
/// was nothing in the process but that one call (A7).
[[nodiscard]] std::optional<std::uint32_t> blamed(const Death& death, bool alone);
/// Somebody of those in flight may have ended it.
[[nodiscard]] bool has_suspects(const Death& death);

/// "crashed: signal 11, Segmentation fault, in bank.so(post+0x12)", after the subject.
[[nodiscard]] std::string in_words(const Death& death, std::string_view subject);
/// A fact, and what the process printed last.
[[nodiscard]] std::string with_print(std::string fact, std::string_view printed);
/// For programs: the signal or the exit status, and the backtrace.
[[nodiscard]] engine::JsonText details_of(const Death& death);

}  // namespace stepd::contained
