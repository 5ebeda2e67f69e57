#include "host/runtime/engine_thread.hpp"

#include <catch2/catch.hpp>
#include <numeric>

#include "host/runtime/clock.hpp"
#include "tests/support/course.hpp"
#include "tests/support/watched.hpp"

using namespace stepd;
using namespace stepd::runtime;

TEST_CASE("of much mail at once a part is handed on while the rest is looked at") {
  constexpr std::size_t sent = 1000;
  const auto definition = testing::job_of({testing::plain("a")});
  EngineInbox inbox(sent);
  inbox.put([&](EngineMail& mail) {
    for (std::size_t job = 0; job < sent; ++job) {
      mail.events.emplace_back(engine::Submission{.definition = definition});
    }
  });
  const SystemClock clock;
  tests::Watched<std::vector<std::size_t>> submits;
  {
    EngineThread thread(
        std::make_unique<engine::Engine>(engine::EngineSettings{},
                                         std::make_shared<const engine::Catalogue>()),
        {.inbox = inbox,
         .clock = clock,
         .hand_on =
             [&](const engine::Turn& turn) {
               submits.change([&](auto& all) { all.push_back(turn.submits.size()); });
             },
         .on_failure = [](const std::string& why) { FAIL(why); }});
  }

  const auto handed_on = submits.copy();
  CHECK(std::accumulate(handed_on.begin(), handed_on.end(), std::size_t{0}) == sent);
  CHECK(std::ranges::max(handed_on) < sent / 4);
}
