#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "host/plugin/file_descriptor.hpp"

namespace stepd::contained {

/// How many calls one process runs at a time at most.
inline constexpr std::uint32_t lines_max = 2048;

/// What the process of a plugin leaves behind when its own code ends it; written by its signal
/// handler.
struct LastWords {
  static constexpr std::size_t frames_max = 24;
  static constexpr std::size_t frame_bytes = 160;

  std::atomic<std::uint32_t> whole{0};  // 1: what follows has been written
  std::uint32_t signal = 0;             // 0: it has called exit
  std::uint32_t from_outside = 0;       // 1: another process has sent the signal
  std::uint32_t line = 0;               // of the call whose code ended it, plus 1; 0: not known
  std::int64_t cpu_us = -1;             // of that call; -1: not known
  std::int64_t memory_kib = -1;         // likewise, of the process
  std::uint32_t frames = 0;             // innermost first
  std::array<std::array<char, frame_bytes>, frames_max> frame{};  // each ends with a zero byte
};

/// Memory that a host and the process of a plugin share, so that a stop needs no message. Both
/// write to it at any time: nothing in it is believed that has not been copied and checked.
struct SharedPage {
  std::atomic<std::uint32_t> stops{0};                        // counts them; waited for as a futex
  std::array<std::atomic<std::uint32_t>, lines_max> stop{};   // by line: the call to stop
  std::array<std::atomic<std::int32_t>, lines_max> thread{};  // by line, as the kernel numbers it
  LastWords last_words;
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

/// A mapping of it.
class SharedMemory final {
 public:
  /// A new page. Throws std::system_error.
  SharedMemory();
  /// Of the one that made it; throws std::system_error.
  explicit SharedMemory(plugin::FileDescriptor file);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  [[nodiscard]] SharedPage& page() const { return *page_; }
  [[nodiscard]] int descriptor() const { return file_.number(); }

  /// Asks the call of that number to stop.
  void ask_to_stop(std::uint32_t line, std::uint32_t call) const;
  /// Returns once there are more stops than `known`.
  void wait_for_stop(std::uint32_t known) const;

 private:
  void map();

  plugin::FileDescriptor file_;
  SharedPage* page_ = nullptr;
};

}  // namespace stepd::contained
