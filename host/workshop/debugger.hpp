#pragma once

#include <sys/types.h>

#include <functional>
#include <string_view>

namespace stepd::workshop {

/// A debugger for one process: gdb on this terminal, where there are both; else whatever the user
/// attaches.
class Debugger final {
 public:
  /// Says how it is done, and returns once a debugger is attached, or the process has ended.
  Debugger(pid_t process, const std::function<void(std::string_view text)>& say);
  /// Waits until gdb has ended.
  ~Debugger();
  Debugger(const Debugger&) = delete;
  Debugger& operator=(const Debugger&) = delete;

 private:
  pid_t gdb_ = 0;  // 0: the user's own
};

}  // namespace stepd::workshop
