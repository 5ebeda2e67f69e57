#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>

namespace stepd::bench {

/// The real daemon as a child process, with what the kernel says it used.
class MeasuredDaemon {
 public:
  struct Place {
    std::filesystem::path binary;
    std::filesystem::path state;
    std::filesystem::path plugins;
    bool in_process = false;  // the plugins, in the daemon's own
  };
  /// Returns once it answers.
  explicit MeasuredDaemon(const Place& place);
  /// Ends it in order.
  ~MeasuredDaemon();
  MeasuredDaemon(const MeasuredDaemon&) = delete;
  MeasuredDaemon& operator=(const MeasuredDaemon&) = delete;

  /// kill -9; nothing else is to be asked afterwards.
  void kill();

  [[nodiscard]] std::filesystem::path socket() const { return socket_; }
  /// Of the daemon and the processes of its plugins.
  [[nodiscard]] double cpu_seconds() const;
  [[nodiscard]] double resident_bytes() const;
  /// Of the resident ones those that no file backs: pages of libraries are shared with others.
  [[nodiscard]] double own_bytes() const;
  [[nodiscard]] double resident_bytes_max() const;
  /// Of all its threads together.
  [[nodiscard]] std::size_t context_switches() const;

 private:
  void end_with(int signal);
  void wait_until_it_answers() const;

  std::filesystem::path socket_;
  pid_t process_ = -1;
};

}  // namespace stepd::bench
