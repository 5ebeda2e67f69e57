#include "host/runtime/mailbox.hpp"

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

namespace stepd::runtime {
namespace {

using Letters = std::vector<int>;

void put_one(Mailbox<Letters>& mailbox, int letter) {
  mailbox.put([letter](Letters& letters) { letters.push_back(letter); });
}

TEST_CASE("a mailbox hands over all that has collected in its order") {
  Mailbox<Letters> mailbox(8);
  put_one(mailbox, 1);
  put_one(mailbox, 2);
  mailbox.put_quietly([](Letters& letters) { letters.push_back(3); });

  Letters taken;
  mailbox.take(taken, std::nullopt);

  CHECK(taken == Letters{1, 2, 3});
  CHECK_FALSE(mailbox.stirred());
}

TEST_CASE("a full mailbox still takes from those inside the ring") {
  Mailbox<Letters> mailbox(1);
  put_one(mailbox, 1);
  put_one(mailbox, 2);

  Letters taken;
  mailbox.take_now(taken);

  CHECK(taken == Letters{1, 2});
}

TEST_CASE("a full mailbox makes those outside the ring wait for room") {
  Mailbox<Letters> mailbox(1);
  put_one(mailbox, 1);
  bool put = false;
  std::thread outsider(
      [&] { put = mailbox.put_when_room([](Letters& letters) { letters.push_back(2); }); });

  Letters all;
  while (all.size() < 2) {
    Letters taken;
    mailbox.take(taken, std::nullopt);
    CHECK(taken.size() == 1);
    all.insert(all.end(), taken.begin(), taken.end());
  }
  outsider.join();

  CHECK(put);
  CHECK(all == Letters{1, 2});
}

TEST_CASE("closing a mailbox turns those away who wait for room") {
  Mailbox<Letters> mailbox(1);
  put_one(mailbox, 1);
  bool put = true;
  std::thread outsider(
      [&] { put = mailbox.put_when_room([](Letters& letters) { letters.push_back(2); }); });

  mailbox.close();
  outsider.join();

  Letters taken;
  mailbox.take(taken, std::nullopt);
  CHECK_FALSE(put);
  CHECK(taken == Letters{1});
}

TEST_CASE("taking from an empty mailbox ends when the time has come") {
  Mailbox<Letters> mailbox(1);

  Letters taken;
  mailbox.take(taken, engine::SteadyPoint{});

  CHECK(taken.empty());
}

TEST_CASE("a mailbox brings every letter of many threads to its owner") {
  Mailbox<Letters> mailbox(16);
  constexpr int each = 2000;
  std::vector<std::jthread> senders;
  for (int sender = 0; sender < 3; ++sender) {
    senders.emplace_back([&] {
      for (int letter = 0; letter < each; ++letter) {
        if (letter % 2 == 0) {
          put_one(mailbox, letter);
        } else {
          CHECK(mailbox.put_when_room([letter](Letters& letters) { letters.push_back(letter); }));
        }
      }
    });
  }

  std::size_t received = 0;
  Letters taken;
  while (received < 3 * each) {
    taken.clear();
    mailbox.take(taken, std::nullopt);
    received += taken.size();
  }

  CHECK(received == 3 * each);
}

}  // namespace
}  // namespace stepd::runtime
