#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace stepd::tests {

/// A value that other threads change and a test waits for. The limit only bounds a test that has
/// failed already.
template <typename Value>
class Watched {
 public:
  template <typename Change>
  void change(Change&& change) {
    const std::scoped_lock lock(mutex_);
    std::forward<Change>(change)(value_);
    changed_.notify_all();
  }

  template <typename Condition>
  [[nodiscard]] bool wait_until(Condition&& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return condition(value_); });
  }

  [[nodiscard]] Value copy() const {
    const std::scoped_lock lock(mutex_);
    return value_;
  }

 private:
  mutable std::mutex mutex_;  // guards value_
  std::condition_variable changed_;
  Value value_{};
};

/// For what nobody tells of. The limit only bounds a test that has failed already.
template <typename Condition>
bool eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace stepd::tests
