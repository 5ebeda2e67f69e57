#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/runtime/host.hpp"

namespace stepd::runtime {

using Reply = std::variant<SubmitAnswer, engine::Verdict, engine::BlobStatus, EventAnswer>;
enum class Question : std::uint8_t { submit, verb, blob, event };

/// What one thread waits for: as many replies as it asked questions, woken once when all are there.
class ReplyWait {
 public:
  ReplyWait(Question kind, std::size_t questions)
      : kind_(kind), replies_(questions), open_(questions) {}

  /// The thread that asked, once. Blocks until every reply is there.
  [[nodiscard]] std::vector<Reply> wait();

 private:
  friend class ReplyDesk;
  const Question kind_;
  // Written under the desk's lock until `done_`, read by the waiting thread afterwards.
  std::vector<std::optional<Reply>> replies_;
  std::size_t open_;
  std::atomic<bool> done_{false};
};

/// Brings replies to the threads that wait for them. Any thread. A reply nobody waits for any more
/// is dropped, so late and repeated ones do no harm.
class ReplyDesk {
 public:
  struct Ticket {
    engine::ReplyToken first = 0;     // the tokens are first … first + questions - 1
    std::shared_ptr<ReplyWait> wait;  // owned by the desk until answered, and by the one who waits
  };
  [[nodiscard]] Ticket open(Question kind, std::size_t questions = 1);

  /// Nobody waits for it any more.
  void withdraw(const Ticket& ticket);

  using Delivery = std::pair<engine::ReplyToken, Reply>;
  void deliver(std::vector<Delivery> deliveries);

  /// Answers all questions of a kind that are still open: a submit, a verb or an
  /// event is then unsure, a blob is fenced.
  void give_up(Question kind, const std::string& message);

 private:
  static void put_reply(ReplyWait& wait, std::size_t index, Reply reply);

  std::mutex mutex_;
  engine::ReplyToken next_ = 1;
  std::map<engine::ReplyToken, std::shared_ptr<ReplyWait>> waits_;  // by first token
};

}  // namespace stepd::runtime
