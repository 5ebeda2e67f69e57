#pragma once

#include <atomic>
#include <chrono>
#include <thread>

namespace http {

/// Ends the waits of one exchange when it is asked to stop or its time is up. Blocking reads and
/// writes of a socket are ended by shutting it down from a thread that watches over it.
class Interruption {
 public:
  enum class Cause { none, stopped, timed_out };

  /// `stop_fd` becomes readable to stop; -1: nobody will.
  Interruption(int stop_fd, std::chrono::milliseconds timeout);

  /// Until a connection under way is made or has failed; false when interrupted before.
  [[nodiscard]] bool wait_writable(int socket);

  [[nodiscard]] Cause cause() const { return cause_; }

  /// While it lives, an interruption shuts the socket down.
  class Watch {
   public:
    Watch(Interruption& interruption, int socket);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    int done_fd_;
    std::jthread thread_;
  };

 private:
  /// True when `fd` has one of the events; false when interrupted, and then `cause_` says why.
  [[nodiscard]] bool wait(int fd, short events);
  [[nodiscard]] int left_ms() const;

  const int stop_fd_;
  const std::chrono::steady_clock::time_point end_;
  std::atomic<Cause> cause_ = Cause::none;
};

}  // namespace http
