#include "host/runtime/reply_desk.hpp"

#include <catch2/catch.hpp>
#include <thread>

namespace stepd::runtime {
namespace {

engine::JobId accepted(const Reply& reply) {
  return std::get<JobAccepted>(std::get<SubmitAnswer>(reply)).id;
}

TEST_CASE("replies reach the one who asked and each its place") {
  ReplyDesk desk;
  const auto first = desk.open(Question::submit, 2);
  const auto second = desk.open(Question::submit, 1);

  desk.deliver({{second.first, SubmitAnswer{JobAccepted{{3}}}},
                {first.first + 1, SubmitAnswer{JobAccepted{{2}}}}});
  desk.deliver({{first.first, SubmitAnswer{JobAccepted{{1}}}}});

  const auto answers = first.wait->wait();
  REQUIRE(answers.size() == 2);
  CHECK(accepted(answers[0]).value == 1);
  CHECK(accepted(answers[1]).value == 2);
  CHECK(accepted(second.wait->wait().at(0)).value == 3);
}

TEST_CASE("late and repeated replies do no harm") {
  ReplyDesk desk;
  const auto asked = desk.open(Question::submit, 2);

  desk.deliver({{asked.first, SubmitAnswer{JobAccepted{{1}}}}});
  desk.deliver({{asked.first, SubmitAnswer{JobAccepted{{9}}}}});
  desk.deliver({{asked.first + 1, SubmitAnswer{JobAccepted{{2}}}}});
  desk.deliver({{asked.first, SubmitAnswer{JobAccepted{{9}}}},
                {asked.first + 17, SubmitAnswer{JobAccepted{{9}}}},
                {0, SubmitAnswer{JobAccepted{{9}}}}});

  CHECK(accepted(asked.wait->wait().at(0)).value == 1);
}

TEST_CASE("giving up answers what is open of one kind and leaves the rest") {
  ReplyDesk desk;
  const auto submit = desk.open(Question::submit, 2);
  const auto verb = desk.open(Question::verb);
  desk.deliver({{submit.first, SubmitAnswer{JobAccepted{{1}}}}});

  desk.give_up(Question::submit, "ask again");
  desk.deliver({{verb.first, engine::Verdict{engine::Accepted{}}}});

  const auto answers = submit.wait->wait();
  CHECK(accepted(answers.at(0)).value == 1);
  CHECK(std::get<StoreUnsure>(std::get<SubmitAnswer>(answers.at(1))).message == "ask again");
  const auto verdict = std::get<engine::Verdict>(verb.wait->wait().at(0));
  CHECK(std::holds_alternative<engine::Accepted>(verdict));
}

TEST_CASE("asking nothing is answered at once") {
  ReplyDesk desk;
  CHECK(desk.open(Question::submit, 0).wait->wait().empty());
}

TEST_CASE("a thread that waits is woken by the last reply") {
  ReplyDesk desk;
  const auto asked = desk.open(Question::submit, 2);
  std::vector<Reply> replies;
  std::thread waiting([&] { replies = asked.wait->wait(); });

  desk.deliver({{asked.first, SubmitAnswer{JobAccepted{{1}}}}});
  desk.deliver({{asked.first + 1, SubmitAnswer{JobAccepted{{2}}}}});
  waiting.join();

  CHECK(replies.size() == 2);
}

}  // namespace
}  // namespace stepd::runtime
