#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "host/engine/record.hpp"
#include "host/runtime/host.hpp"
#include "host/runtime/mailbox.hpp"

namespace stepd::runtime {

/// Tells subscribers what has come to be on disk. What is published costs next to nothing while
/// nobody is subscribed; decoding is the feed's own thread's business. When its mailbox is full,
/// news are dropped and counted: the journal has all of it.
class NewsFeed {
 public:
  explicit NewsFeed(std::size_t capacity = 16'384);
  ~NewsFeed();
  NewsFeed(const NewsFeed&) = delete;
  NewsFeed& operator=(const NewsFeed&) = delete;

  /// Any thread, but not from within `on_news`; likewise the end of the subscription, after which
  /// `on_news` is not called any more.
  [[nodiscard]] std::unique_ptr<Host::Subscription> subscribe(
      std::function<void(const JobNews&)> on_news);

  /// Any thread. Whether anybody would hear of it; ask before you gather news.
  [[nodiscard]] bool heard() const { return listeners_.load(std::memory_order_relaxed) != 0; }

  /// A journal row as it was committed.
  struct Row {
    engine::JobId job;
    std::uint64_t number = 0;
    engine::TimePoint at{};
    std::string entries;  // encoded
  };
  void publish(std::vector<Row> rows);
  void publish(JobNews progress);

  /// Any thread, more than once: nothing is delivered any more.
  void stop();

 private:
  class Listener;
  using Piece = std::variant<Row, JobNews>;

  void run();
  void tell(const JobNews& news);

  const std::size_t capacity_;
  std::atomic<std::size_t> listeners_{0};
  std::atomic<std::uint64_t> dropped_{0};  // nobody has been told of yet
  Mailbox<std::vector<Piece>> mailbox_;

  std::mutex mutex_;  // guards the map, and is held while they are told
  std::map<std::uint64_t, std::function<void(const JobNews&)>> told_;
  std::uint64_t next_listener_ = 1;

  std::jthread thread_;
};

}  // namespace stepd::runtime
