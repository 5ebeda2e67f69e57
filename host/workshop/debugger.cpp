#include "host/workshop/debugger.hpp"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "host/plugin/file_descriptor.hpp"

extern char** environ;

namespace stepd::workshop {
namespace {

constexpr int looks_apart_ms = 50;

/// By what the kernel says of the process (proc(5)).
bool is_traced(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  constexpr std::string_view field = "TracerPid:";
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) return std::stol(line.substr(field.size())) != 0;
  }
  return false;
}

/// 0: there is none. Signals reach it as they would from a shell.
pid_t start_gdb(pid_t process) {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  std::string program = "gdb";
  std::string quiet = "-q";
  std::string flag = "-p";
  std::string number = std::to_string(process);
  char* const words[] = {program.data(), quiet.data(), flag.data(), number.data(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, "gdb", nullptr, &attributes, words, environ);
  posix_spawnattr_destroy(&attributes);
  return error == 0 ? child : 0;
}

}  // namespace

Debugger::Debugger(pid_t process, const std::function<void(std::string_view)>& say) {
  const std::string number = std::to_string(process);
  if (::isatty(STDIN_FILENO) == 1) gdb_ = start_gdb(process);
  if (gdb_ == 0) {
    say("process " + number + " waits for a debugger before it calls the step: gdb -p " + number);
  } else {
    say("gdb attaches to process " + number +
        ": set breakpoints, then `continue` to have the step called");
  }
  const plugin::FileDescriptor alive(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  pollfd watched{alive.number(), POLLIN, 0};
  while (!is_traced(process)) {
    // Nobody tells of a tracer: the kernel is asked now and then.
    if (::poll(&watched, 1, looks_apart_ms) > 0) return;
  }
}

Debugger::~Debugger() {
  if (gdb_ == 0) return;
  while (::waitpid(gdb_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace stepd::workshop
