#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "host/contained/packet_line.hpp"
#include "host/contained/peak_memory.hpp"
#include "host/contained/shared_page.hpp"
#include "host/contained/wire.hpp"
#include "host/plugin/step_module.hpp"

namespace stepd::contained {

/// What all lines of a process serve. Does not change once calls come.
struct Served {
  std::vector<plugin::StepModule> steps;
  engine::Limits limits;
};

/// What the call on this thread has had of a processor so far; nothing when it was not measured
/// when it began, or when there is none. Safe in a signal handler.
[[nodiscard]] std::optional<engine::Duration> cpu_of_this_call() noexcept;

/// In the process of a plugin: one line, and the call that runs on it.
class CallLine final {
 public:
  /// All are borrowed and outlive it.
  CallLine(std::uint32_t number, plugin::FileDescriptor socket, const Served& served,
           const SharedMemory& memory, PeakMemory& peak)
      : number_(number), line_(std::move(socket)), served_(served), memory_(memory), peak_(peak) {}

  /// Runs one call after the other until the host is gone, on the calling thread.
  void serve();

  /// Any thread: passes on the wish that the call stop, if there is one.
  void look_for_stop();

 private:
  [[nodiscard]] Ended run(const RunCall& message);
  [[nodiscard]] std::stop_token begin(std::uint32_t serial);
  void end();

  const std::uint32_t number_;
  PacketLine line_;
  const Served& served_;
  const SharedMemory& memory_;
  PeakMemory& peak_;
  std::mutex mutex_;          // guards what follows
  std::uint32_t serial_ = 0;  // of the call under way; 0: none
  std::stop_source stop_{std::nostopstate};
};

/// The line that the calling thread serves; nothing for another thread. Safe in a signal handler.
[[nodiscard]] std::uint32_t line_of_this_thread_plus_1() noexcept;

}  // namespace stepd::contained
