#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>

#include "host/engine/time.hpp"

namespace stepd::runtime {

/// Where one thread leaves work for another. `Contents` has size() and is handed over whole.
///
/// When it is full: `put` still takes what it is given, because its callers stand in the ring of
/// engine, committer and workers, hold a bounded credit (the engine's window, a call's one report)
/// and would deadlock if they waited; `put_when_room` is for everybody outside that ring and waits.
/// The owner is woken only when it sleeps.
template <typename Contents>
class Mailbox {
 public:
  explicit Mailbox(std::size_t capacity) : capacity_(capacity) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// Any thread. `fill(Contents&)` adds to what has collected; it runs under the lock.
  template <typename Fill>
  void put(Fill&& fill) {
    const std::unique_lock lock(mutex_);
    std::forward<Fill>(fill)(contents_);
    wake_owner();
  }

  /// The same without waking the owner: somebody will, by `wake` or `put`, in a moment.
  template <typename Fill>
  void put_quietly(Fill&& fill) {
    const std::unique_lock lock(mutex_);
    std::forward<Fill>(fill)(contents_);
    stirred_ = true;
  }

  /// Waits for room first. False, and nothing is taken, once the mailbox is closed.
  template <typename Fill>
  [[nodiscard]] bool put_when_room(Fill&& fill) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return closed_ || contents_.size() < capacity_; });
    if (closed_) return false;
    std::forward<Fill>(fill)(contents_);
    wake_owner();
    return true;
  }

  /// Makes the owner look up though there may be nothing for it.
  void wake() {
    const std::unique_lock lock(mutex_);
    wake_owner();
  }

  /// Wakes everybody; what has been put is still handed out.
  void close() {
    const std::unique_lock lock(mutex_);
    closed_ = true;
    wake_owner();
    room_.notify_all();
  }

  /// The owner: everything that has collected, into `emptied` (whose memory is used again). Waits
  /// until there is something, somebody wakes it, the mailbox closes or `until` has come.
  void take(Contents& emptied, std::optional<engine::SteadyPoint> until) {
    std::unique_lock lock(mutex_);
    const auto roused = [this] { return stirred_ || closed_; };
    asleep_ = true;
    if (until) {
      letters_.wait_until(lock, *until, roused);
    } else {
      letters_.wait(lock, roused);
    }
    asleep_ = false;
    hand_over(emptied);
  }

  /// The owner: the same without waiting.
  void take_now(Contents& emptied) {
    const std::unique_lock lock(mutex_);
    hand_over(emptied);
  }

  /// The owner: whether there is anything to take.
  [[nodiscard]] bool stirred() const {
    const std::unique_lock lock(mutex_);
    return stirred_;
  }

  [[nodiscard]] bool closed() const {
    const std::unique_lock lock(mutex_);
    return closed_;
  }

 private:
  void hand_over(Contents& emptied) {
    stirred_ = false;
    const bool was_full = contents_.size() >= capacity_;
    std::swap(contents_, emptied);
    if (was_full) room_.notify_all();
  }

  void wake_owner() {
    stirred_ = true;
    if (asleep_) letters_.notify_one();
  }

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable letters_;
  std::condition_variable room_;
  Contents contents_;
  bool stirred_ = false;
  bool asleep_ = false;
  bool closed_ = false;
};

}  // namespace stepd::runtime
