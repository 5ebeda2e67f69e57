#include "host/plugin/thread_clock.hpp"

namespace stepd::plugin {

std::optional<engine::Duration> cpu_of(clockid_t clock) noexcept {
  timespec spent{};
  if (::clock_gettime(clock, &spent) != 0) return std::nullopt;
  return std::chrono::floor<engine::Duration>(std::chrono::seconds(spent.tv_sec) +
                                              std::chrono::nanoseconds(spent.tv_nsec));
}

engine::Duration cpu_of_this_thread() noexcept {
  return cpu_of(CLOCK_THREAD_CPUTIME_ID).value_or(engine::Duration::zero());
}

}  // namespace stepd::plugin
