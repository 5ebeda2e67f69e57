#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

#include "host/engine/id.hpp"
#include "host/runtime/host.hpp"

namespace stepd::http {

/// Where the host leaves news for one event stream. Bounded: what does not fit is dropped and
/// counted, for the host must not wait for a slow reader.
class NewsMailbox {
 public:
  /// `only` absent: the news of all jobs.
  explicit NewsMailbox(std::optional<engine::JobId> only);
  ~NewsMailbox();
  NewsMailbox(const NewsMailbox&) = delete;
  NewsMailbox& operator=(const NewsMailbox&) = delete;

  /// Any thread; never waits.
  void post(const runtime::JobNews& news);

  struct Content {
    std::deque<runtime::JobNews> news;
    std::uint64_t dropped = 0;
  };
  [[nodiscard]] Content take();

  /// Readable while there is something to take.
  [[nodiscard]] int descriptor() const { return signal_; }

 private:
  const std::optional<engine::JobId> only_;
  const int signal_;  // an eventfd
  std::mutex mutex_;
  Content content_;  // guarded by mutex_
};

}  // namespace stepd::http
