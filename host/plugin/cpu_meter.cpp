#include "host/plugin/cpu_meter.hpp"

#include "host/plugin/thread_clock.hpp"

namespace stepd::plugin {

namespace {

using std::chrono::steady_clock;

/// Types are quick whose calls take less than this in the mean.
constexpr engine::Duration believed_below = std::chrono::microseconds(100);

}  // namespace

CpuMeter::CpuMeter(bool quick) noexcept {
  if (quick) {
    began_ = steady_clock::now();
  } else {
    cpu_ = cpu_of_this_thread();
  }
}

std::optional<engine::Duration> CpuMeter::spent() const noexcept {
  if (cpu_) return cpu_of_this_thread() - *cpu_;
  const auto lasted = std::chrono::floor<engine::Duration>(steady_clock::now() - began_);
  return lasted < believed_below ? std::optional(lasted) : std::nullopt;
}

}  // namespace stepd::plugin
