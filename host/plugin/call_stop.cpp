#include "host/plugin/call_stop.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace stepd::plugin {

bool CallStop::wait_for(std::chrono::milliseconds span) {
  // Made and ended without the lock, which it takes itself when the stop comes.
  const std::stop_callback wake(token_, [this] {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, span, [this] { return asked() || released_; });
}

int CallStop::descriptor() {
  const std::lock_guard lock(mutex_);
  if (event_.is_open()) return event_.number();
  event_ = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (event_.is_open()) {
    on_stop_.emplace(token_, [event = event_.number()] {
      const std::uint64_t one = 1;
      // The counter is far from its limit, so the write cannot fail.
      [[maybe_unused]] const ssize_t written = ::write(event, &one, sizeof one);
    });
  }
  return event_.number();
}

void CallStop::release() {
  const std::lock_guard lock(mutex_);
  released_ = true;
  changed_.notify_all();
}

}  // namespace stepd::plugin
