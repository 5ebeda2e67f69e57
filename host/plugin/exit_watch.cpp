#include "host/plugin/exit_watch.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

namespace stepd::plugin {
namespace {

std::atomic<ExitListener> listening{nullptr};

[[noreturn]] void exit_heard(int status) {
  if (const ExitListener listener = listening.load()) listener();
  exit_unheard(status);
}

}  // namespace

void hear_exits(ExitListener listener) { listening.store(listener); }

void exit_unheard(int status) noexcept {
  while (true) ::syscall(SYS_exit_group, status);
}

}  // namespace stepd::plugin

// In place of the C library's own: no handler is told of these. The program exports them, so that
// plugins find them before the library's.
extern "C" {
[[gnu::visibility("default")]] void _exit(int status) { stepd::plugin::exit_heard(status); }
[[gnu::visibility("default")]] void _Exit(int status) noexcept {
  stepd::plugin::exit_heard(status);
}
}
