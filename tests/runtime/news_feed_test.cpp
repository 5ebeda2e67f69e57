#include "host/runtime/news_feed.hpp"

#include <catch2/catch.hpp>
#include <latch>

#include "host/engine/codec.hpp"

using namespace stepd;
using runtime::JobNews;
using runtime::NewsFeed;

namespace {

NewsFeed::Row row(std::uint64_t number) {
  const std::vector<engine::Entry> entries{engine::Submitted{}};
  return {.job = engine::JobId{1}, .number = number, .entries = engine::encode(entries)};
}

/// The first news hold the feed up until it is let go on.
struct SlowListener {
  std::latch begun{1};
  std::latch go_on{1};
  std::latch told_of_loss{1};
  std::vector<std::uint64_t> rows;
  std::uint64_t dropped = 0;

  void hear(const JobNews& news) {
    if (news.dropped != 0) {
      dropped += news.dropped;
      return told_of_loss.count_down();
    }
    rows.push_back(news.row);
    if (rows.size() > 1) return;
    begun.count_down();
    go_on.wait();
  }
};

}  // namespace

TEST_CASE("news that a full feed drops are counted and told of behind those that it kept") {
  SlowListener listener;
  NewsFeed feed(2);
  const auto subscription = feed.subscribe([&](const JobNews& news) { listener.hear(news); });

  feed.publish(std::vector{row(1)});
  listener.begun.wait();
  feed.publish(std::vector{row(2), row(3), row(4)});
  feed.publish(JobNews{.job = engine::JobId{1}, .step = "a", .permille = 5});
  listener.go_on.count_down();
  listener.told_of_loss.wait();

  CHECK(listener.rows == std::vector<std::uint64_t>{1, 2, 3});
  CHECK(listener.dropped == 2);
}
