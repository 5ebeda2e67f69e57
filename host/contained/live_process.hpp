#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "host/contained/death.hpp"
#include "host/contained/packet_line.hpp"
#include "host/contained/print_log.hpp"
#include "host/contained/process_floor.hpp"
#include "host/contained/shared_page.hpp"
#include "host/contained/wire.hpp"
#include "host/plugin/step_call.hpp"

namespace stepd::contained {

/// One process of a plugin, from its start to its end. Any thread. What watches it keeps this
/// object until the process has ended, so somebody has to kill it.
class LiveProcess final : public std::enable_shared_from_this<LiveProcess> {
 public:
  /// Throws std::system_error; then there is no process.
  [[nodiscard]] static std::shared_ptr<LiveProcess> start(ProcessFloor& floor, std::string plugin);
  ~LiveProcess();
  LiveProcess(const LiveProcess&) = delete;
  LiveProcess& operator=(const LiveProcess&) = delete;

  /// What is wrong, to be read after the file's name.
  using Fault = std::string;
  /// Before anything else.
  [[nodiscard]] std::variant<Described, Fault> open(const std::filesystem::path& module);
  /// Then this, before any call. Nothing: it has started.
  [[nodiscard]] std::optional<Fault> start_plugin(const std::string& configuration);

  /// A call's way to the process.
  class Seat;
  /// Nothing: the process has ended, or ends. Throws std::exception when the host has no means for
  /// another one.
  [[nodiscard]] std::unique_ptr<Seat> take_seat();

  [[nodiscard]] bool is_alive() const;
  /// The process id, for whoever wants to look into it.
  [[nodiscard]] pid_t number() const { return process_; }
  void kill(Death::ByHost why);
  /// Returns once the process has ended; nobody is to speak to it any more, and it is killed if it
  /// does not end by itself.
  [[nodiscard]] const Death& death();

  /// Nothing: it has quiesced; else what is wrong with that.
  [[nodiscard]] std::optional<Fault> quiesce(std::chrono::milliseconds budget);

 private:
  struct Line {
    Line(std::uint32_t at, plugin::FileDescriptor socket, std::size_t bytes_max)
        : number(at), packets(std::move(socket), bytes_max) {}
    const std::uint32_t number;
    PacketLine packets;
    std::atomic<std::uint32_t> serial{0};  // of its last call
    bool busy = false;                     // guarded by the process's mutex
  };

  LiveProcess(ProcessFloor& floor, std::string plugin);
  void spawn();
  void watch();
  void reap();
  [[nodiscard]] Line& idle_line();
  [[nodiscard]] std::optional<FromModule> hear_within(std::chrono::milliseconds limit);
  template <class Answer>
  [[nodiscard]] std::variant<Answer, Fault> ask(const ToModule& wish, std::string_view doing,
                                                std::chrono::milliseconds limit);
  [[nodiscard]] Fault fault_of_end(std::string_view doing, std::chrono::milliseconds limit);
  [[nodiscard]] bool hear();
  void over();
  void kill_locked(Death::ByHost why);
  void kill_if_busy(std::uint32_t line, std::uint32_t serial);
  [[nodiscard]] std::optional<engine::Duration> cpu_of_line(std::uint32_t line) const;

  ProcessFloor& floor_;
  const std::string plugin_;
  SharedMemory memory_;
  PrintLog print_;
  pid_t process_ = 0;
  plugin::FileDescriptor watched_;  // a pidfd
  plugin::FileDescriptor printed_;  // the reading end of what it prints
  std::optional<PacketLine> control_;
  std::function<void()> stop_reading_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Line>> lines_;
  std::optional<Death> death_;
  Death::ByHost killed_ = Death::ByHost::no;
  std::optional<std::uint32_t> overran_;
  std::optional<std::uint64_t> peak_kib_;  // when it was killed for a call that overran
  std::optional<std::string> quiesced_;
};

/// One call's way to the process.
class LiveProcess::Seat final {
 public:
  /// The line is the process's, and busy with the call of this serial.
  Seat(std::shared_ptr<LiveProcess> process, Line& line)
      : process_(std::move(process)), line_(line) {}
  ~Seat();
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  [[nodiscard]] std::uint32_t number() const { return line_.number; }
  [[nodiscard]] std::uint32_t serial() const { return line_.serial.load(); }
  [[nodiscard]] PacketLine& line() { return line_.packets; }
  /// Any thread: asks the call to stop; if it goes on, the process is killed.
  void ask_to_stop();
  [[nodiscard]] LiveProcess& process() { return *process_; }
  /// Says what the call has had of a processor from now on.
  [[nodiscard]] plugin::CpuClock cpu_clock() const;

 private:
  std::shared_ptr<LiveProcess> process_;
  Line& line_;
};

/// Kills a process that nobody has taken over when this goes.
class KillUnlessKept final {
 public:
  explicit KillUnlessKept(std::shared_ptr<LiveProcess> process) : process_(std::move(process)) {}
  ~KillUnlessKept() {
    if (process_) process_->kill(Death::ByHost::trouble);
  }
  KillUnlessKept(const KillUnlessKept&) = delete;
  KillUnlessKept& operator=(const KillUnlessKept&) = delete;

  [[nodiscard]] LiveProcess* operator->() const { return process_.get(); }
  [[nodiscard]] std::shared_ptr<LiveProcess> keep() { return std::exchange(process_, nullptr); }

 private:
  std::shared_ptr<LiveProcess> process_;
};

}  // namespace stepd::contained
