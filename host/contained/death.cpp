#include "host/contained/death.hpp"

#include <cxxabi.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "host/plugin/utf8.hpp"

namespace stepd::contained {
namespace {

constexpr std::size_t words_bytes_max = 500;

/// A module's file is named by its hash, which is longer than any library's name.
bool is_of_module(std::string_view file) { return file.size() > 64 && file.ends_with(".so"); }

/// As a person writes it: "plugin(post(int)+0x12)", "libc.so.6(abort+0xd3)".
std::string readable_frame(const std::string& frame) {
  const auto open = frame.find('(');
  const auto plus = frame.rfind('+');
  if (open == std::string::npos || plus == std::string::npos || plus < open) return frame;
  const std::string_view file = std::string_view(frame).substr(0, open);
  const std::string place = is_of_module(file) ? "plugin" : std::string(file);
  const std::string name = frame.substr(open + 1, plus - open - 1);
  if (!name.starts_with("_Z")) return place + frame.substr(open);
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> plain(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), &std::free);
  const std::string function = status == 0 && plain ? plain.get() : name;
  return plugin::readable(place + "(" + function + frame.substr(plus), words_bytes_max);
}

/// The innermost frame of the plugin's: those before it are the signal handler's and the C
/// library's.
std::string place_of(const Death& death) {
  const auto frame = std::ranges::find_if(death.backtrace, [](const std::string& one) {
    return is_of_module(std::string_view(one).substr(0, one.find('(')));
  });
  return frame == death.backtrace.end() ? std::string() : readable_frame(*frame);
}

int signal_of(const Death& death) {
  if (!WIFSIGNALED(death.status)) return 0;
  const bool told = death.told && death.signal != 0 && death.signal < NSIG;
  return told ? static_cast<int>(death.signal) : WTERMSIG(death.status);
}

engine::Usage told_usage(const LastWords& words) {
  constexpr std::int64_t kib_max = std::int64_t{1} << 42U;
  engine::Usage used;
  const std::int64_t cpu = words.cpu_us;
  if (cpu >= 0) used.cpu = engine::Duration(cpu);
  const std::int64_t kib = words.memory_kib;
  if (kib > 0 && kib <= kib_max) used.memory_kib = static_cast<std::uint64_t>(kib);
  return used;
}

}  // namespace

Death read_last_words(const LastWords& words, int status) {
  Death death{.status = status};
  death.told = words.whole.load() != 0;
  if (!death.told) return death;
  death.signal = words.signal;
  death.from_outside = words.from_outside != 0;
  const std::uint32_t line = words.line;
  if (line != 0 && line <= lines_max) death.culprit = line - 1;
  death.used = told_usage(words);
  const std::size_t frames = std::min<std::size_t>(words.frames, LastWords::frames_max);
  for (std::size_t at = 0; at < frames; ++at) {
    const auto frame = words.frame[at];
    const std::size_t length = ::strnlen(frame.data(), frame.size());
    death.backtrace.push_back(plugin::readable({frame.data(), length}, LastWords::frame_bytes));
  }
  return death;
}

std::optional<std::uint32_t> blamed(const Death& death, bool alone) {
  using ByHost = Death::ByHost;
  if (death.by_host == ByHost::trouble || death.from_outside) return std::nullopt;
  const auto& in_flight = death.in_flight;
  const bool runs =
      death.culprit && std::ranges::find(in_flight, *death.culprit) != in_flight.end();
  if (runs) return death.culprit;
  // One that has told of its end and of no call's thread: the only call may just have come in.
  const bool may_be_another = death.told && death.by_host == ByHost::no && !alone;
  if (in_flight.size() != 1 || may_be_another) return std::nullopt;
  return in_flight.front();
}

bool has_suspects(const Death& death) {
  return death.by_host != Death::ByHost::trouble && !death.from_outside;
}

std::string in_words(const Death& death, std::string_view subject) {
  std::string text(subject);
  switch (death.by_host) {
    case Death::ByHost::nonsense:
      return text + " sent messages that are none, or closed its line to stepd, and was killed";
    case Death::ByHost::trouble:
      return text + " was killed, for stepd could not go on with a call in it";
    case Death::ByHost::overran:
      return text + " was killed, for a call in it did not stop when it was asked to";
    case Death::ByHost::no:
      break;
  }
  if (const int signal = signal_of(death); signal != 0) {
    const char* name = ::strsignal(signal);
    text += " crashed: signal " + std::to_string(signal) + ", " + (name ? name : "unknown");
    const std::string place = place_of(death);
    if (!place.empty()) text += ", in " + place;
    return text;
  }
  return text + " ended itself: exit status " + std::to_string(WEXITSTATUS(death.status));
}

std::string with_print(std::string fact, std::string_view printed) {
  std::string line = plugin::readable(printed, words_bytes_max);
  while (!line.empty() && line.back() == '\n') line.pop_back();
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line.empty() ? fact : fact + " (it printed: " + line + ")";
}

engine::JsonText details_of(const Death& death) {
  boost::json::object details;
  if (const int signal = signal_of(death); signal != 0) {
    details["signal"] = signal;
  } else {
    details["exit_status"] = WEXITSTATUS(death.status);
  }
  boost::json::array backtrace;
  for (const std::string& frame : death.backtrace) {
    backtrace.emplace_back(readable_frame(frame));
  }
  if (!backtrace.empty()) details["backtrace"] = std::move(backtrace);
  return engine::JsonText(boost::json::serialize(details));
}

}  // namespace stepd::contained
