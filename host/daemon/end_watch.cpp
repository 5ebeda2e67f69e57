#include "host/daemon/end_watch.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "host/daemon/exit_codes.hpp"
#include "host/runtime/crash_mark.hpp"

namespace stepd::daemon {

namespace {

sigset_t ending_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, signal);
  return set;
}

End::Why why_of(runtime::HostLoss loss) {
  switch (loss) {
    case runtime::HostLoss::storage_broken:
      return End::Why::storage_broken;
    case runtime::HostLoss::fenced:
      return End::Why::fenced;
    case runtime::HostLoss::engine_failed:
      break;
  }
  return End::Why::engine_failed;
}

extern "C" void end_at_once(int) { runtime::exit_blaming_nobody(exit_failed); }

}  // namespace

EndWatch::EndWatch() {
  const auto set = ending_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // Met as errors where they happen: a client that is gone, a file over its limit.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  losses_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (signals_ < 0 || losses_ < 0) {
    throw std::system_error(errno, std::generic_category(), "cannot wait for signals");
  }
}

EndWatch::~EndWatch() {
  ::close(signals_);
  ::close(losses_);
}

void EndWatch::lost(runtime::HostLoss loss, const std::string& message) {
  const std::scoped_lock lock(mutex_);
  if (loss_) return;
  loss_ = End{.why = why_of(loss), .message = message};
  ::eventfd_write(losses_, 1);
}

std::optional<End> EndWatch::wait(std::optional<std::chrono::milliseconds> limit) {
  std::array<pollfd, 2> both{{{signals_, POLLIN, 0}, {losses_, POLLIN, 0}}};
  const int span = limit ? static_cast<int>(limit->count()) : -1;
  while (true) {
    const int ready = ::poll(both.data(), both.size(), span);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return std::nullopt;
    signalfd_siginfo received{};
    if (::read(signals_, &received, sizeof received) == sizeof received) {
      const char* name = ::sigabbrev_np(static_cast<int>(received.ssi_signo));
      return End{.why = End::Why::signal, .message = std::string("SIG") + (name ? name : "?")};
    }
    eventfd_t count = 0;
    ::eventfd_read(losses_, &count);
    const std::scoped_lock lock(mutex_);
    return loss_;
  }
}

void EndWatch::let_signals_kill() {
  struct sigaction action {};
  action.sa_handler = end_at_once;
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaction(signal, &action, nullptr);
  const auto set = ending_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace stepd::daemon
