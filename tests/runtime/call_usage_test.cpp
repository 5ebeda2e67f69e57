#include <catch2/catch.hpp>

#include "tests/support/turn_by_turn.hpp"

using namespace stepd::testing;
using namespace std::chrono_literals;

TEST_CASE("what a call used stands in the journal as it was reported", "[runtime]") {
  TurnByTurn at({plain("a")});
  const JobId job = at.submit();
  Outcome outcome = ok();
  outcome.used = {.waited = 3ms, .ran = 20ms, .cpu = 15ms, .memory_kib = 4096};

  at.end_call(at.started.back().id, outcome);
  at.settle();

  std::vector<Usage> used;
  for (const StoredRow& row : at.rows_on_disk(job)) {
    for (const Entry& entry : decode_entries(row.entries)) {
      if (const auto* ended = std::get_if<CallEnded>(&entry)) used.push_back(ended->used);
    }
  }
  CHECK(used == std::vector<Usage>{outcome.used});
}

TEST_CASE("a step waits from when it became ready and not from when somebody looked", "[runtime]") {
  TurnByTurn at({plain("a"), plain("b")});
  const JobId job = at.submit();
  CHECK(at.started.back().ready_since == at.now.steady);

  at.skip(2s);
  at.end_call(at.started.back().id, ok());
  at.settle();
  CHECK(at.started.back().ready_since == at.now.steady);

  at.end_call(at.started.back().id, ends(OutcomeKind::retry));
  at.settle();
  const StepState retrying = at.on_disk(job).steps[1];
  const TimePoint due = std::get<Retrying>(retrying.condition).due.at;
  at.skip(due - at.now.wall + 5s);
  at.turn();
  at.settle();
  CHECK(at.started.size() == 3);
  CHECK(at.started.back().ready_since == at.now.steady - 5s);
}
