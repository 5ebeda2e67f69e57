#include "host/runtime/news_feed.hpp"

#include <algorithm>
#include <utility>

#include "host/engine/codec.hpp"

namespace stepd::runtime {

class NewsFeed::Listener final : public Host::Subscription {
 public:
  Listener(NewsFeed& feed, std::uint64_t number) : feed_(feed), number_(number) {}
  ~Listener() override {
    const std::scoped_lock lock(feed_.mutex_);
    feed_.told_.erase(number_);
    feed_.listeners_.store(feed_.told_.size(), std::memory_order_relaxed);
  }

 private:
  NewsFeed& feed_;
  const std::uint64_t number_;
};

NewsFeed::NewsFeed(std::size_t capacity)
    : capacity_(capacity), mailbox_(capacity), thread_([this] { run(); }) {}

NewsFeed::~NewsFeed() { stop(); }

void NewsFeed::stop() { mailbox_.close(); }

std::unique_ptr<Host::Subscription> NewsFeed::subscribe(
    std::function<void(const JobNews&)> on_news) {
  const std::scoped_lock lock(mutex_);
  const auto number = next_listener_++;
  told_.emplace(number, std::move(on_news));
  listeners_.store(told_.size(), std::memory_order_relaxed);
  return std::make_unique<Listener>(*this, number);
}

void NewsFeed::publish(std::vector<Row> rows) {
  mailbox_.put([&](std::vector<Piece>& pieces) {
    const std::size_t room = capacity_ - std::min(capacity_, pieces.size());
    const std::size_t taken = std::min(room, rows.size());
    for (std::size_t row = 0; row < taken; ++row) pieces.emplace_back(std::move(rows[row]));
    dropped_ += rows.size() - taken;
  });
}

void NewsFeed::publish(JobNews progress) {
  mailbox_.put([&](std::vector<Piece>& pieces) {
    if (pieces.size() < capacity_) {
      pieces.emplace_back(std::move(progress));
    } else {
      ++dropped_;
    }
  });
}

void NewsFeed::run() {
  std::vector<Piece> pieces;
  while (!mailbox_.closed()) {
    pieces.clear();
    mailbox_.take(pieces, std::nullopt);
    const std::uint64_t dropped = dropped_.exchange(0);
    for (auto& piece : pieces) {
      if (!heard()) break;
      if (auto* progress = std::get_if<JobNews>(&piece)) {
        tell(*progress);
        continue;
      }
      const auto& row = std::get<Row>(piece);
      JobNews news;
      news.job = row.job;
      news.row = row.number;
      news.at = row.at;
      news.entries = engine::decode_entries(row.entries);
      tell(news);
    }
    if (dropped != 0) tell({.dropped = dropped});
  }
}

void NewsFeed::tell(const JobNews& news) {
  const std::scoped_lock lock(mutex_);
  for (const auto& [number, on_news] : told_) on_news(news);
}

}  // namespace stepd::runtime
