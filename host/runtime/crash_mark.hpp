#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "host/engine/id.hpp"

namespace stepd::runtime {

/// Which calls are under way, kept so that a signal handler can read it.
class CrashSeats {
 public:
  CrashSeats() = default;
  CrashSeats(const CrashSeats&) = delete;
  CrashSeats& operator=(const CrashSeats&) = delete;

  /// The one to blame when the calling thread brings the process down: the call it is at, else the
  /// only call under way ("it ran alone"), else nobody (A7). Safe in a signal handler.
  [[nodiscard]] std::optional<engine::CallId> suspect() const;

 private:
  friend class CrashSeat;
  struct Seat {
    std::atomic<bool> taken{false};
    std::atomic<std::int64_t> job{0};
    std::atomic<std::uint64_t> number{0};  // 0: no call
  };
  static constexpr std::size_t seats_max = 512;

  std::array<Seat, seats_max> seats_;
  std::atomic<std::size_t> standing_{0};  // workers that found no seat: nobody can be called alone
};

/// One worker's seat, for as long as the worker lives.
class CrashSeat {
 public:
  explicit CrashSeat(CrashSeats& seats);
  ~CrashSeat();
  CrashSeat(const CrashSeat&) = delete;
  CrashSeat& operator=(const CrashSeat&) = delete;

  void began(const engine::CallId& call);
  void over();

 private:
  CrashSeats& seats_;
  CrashSeats::Seat* seat_ = nullptr;  // none: all were taken
};

/// The file that tells the next host which call brought this one down (A7). While it lives, fatal
/// signals and every exit (exit, quick_exit, _exit, _Exit) write the suspect into it; then the
/// process goes on dying as it would have. A signal from another process is nobody's fault here,
/// and what a forked child does concerns nobody. One per process, made before any worker. Throws
/// std::system_error.
class CrashMark {
 public:
  CrashMark(const std::filesystem::path& file, const CrashSeats& seats);
  ~CrashMark();
  CrashMark(const CrashMark&) = delete;
  CrashMark& operator=(const CrashMark&) = delete;

  /// The call the host before this one died of.
  [[nodiscard]] std::optional<engine::CallId> found() const { return found_; }

 private:
  std::optional<engine::CallId> found_;
};

/// How the host ends itself while calls may be under way: at once, and no call is blamed. Safe in a
/// signal handler.
[[noreturn]] void exit_blaming_nobody(int status) noexcept;

}  // namespace stepd::runtime
