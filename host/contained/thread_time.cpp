#include "host/contained/thread_time.hpp"

#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

namespace stepd::contained {

std::optional<engine::Duration> cpu_of_thread(pid_t process, pid_t thread) {
  std::ifstream file("/proc/" + std::to_string(process) + "/task/" + std::to_string(thread) +
                     "/stat");
  std::string text;
  if (!std::getline(file, text, '\0')) return std::nullopt;
  // Behind the thread's name, which may hold anything: proc(5).
  const auto name_end = text.rfind(')');
  if (name_end == text.npos) return std::nullopt;
  std::istringstream rest(text.substr(name_end + 1));
  std::string skipped;
  constexpr int fields_before_times = 11;  // from the state on
  for (int field = 0; field < fields_before_times; ++field) rest >> skipped;
  std::int64_t user = 0;
  std::int64_t system = 0;
  if (!(rest >> user >> system)) return std::nullopt;
  static const std::int64_t ticks_a_second = ::sysconf(_SC_CLK_TCK);
  constexpr std::int64_t micros_a_second = 1'000'000;
  return engine::Duration((user + system) * (micros_a_second / ticks_a_second));
}

}  // namespace stepd::contained
