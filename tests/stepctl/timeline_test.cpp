#include "tools/stepctl/timeline.hpp"

#include <catch2/catch.hpp>

#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/steps_board.hpp"

using namespace stepd::stepctl;
using namespace std::chrono_literals;

namespace {

json::object row(int number, const std::string& seconds, const std::string& entries) {
  return *parse_object(R"({"row":)" + std::to_string(number) + R"(,"at":"2026-03-01T12:00:)" +
                       seconds + R"(Z","entries":[)" + entries + "]}");
}

std::string told(const std::vector<json::object>& rows) {
  Timeline timeline;
  std::vector<TimelineLine> lines;
  for (const json::object& one : rows) {
    for (TimelineLine& line : timeline.add(one)) lines.push_back(std::move(line));
  }
  return timeline_text(lines, 0, Screen{});
}

const std::string start_out =
    R"({"type":"call_started","step":"out","phase":"execute","call":1,"attempt":1,"version":1},
       {"type":"step_moved","step":"out","phase":"execute","state":"running","effect":"none",
        "attempts":1})";

}  // namespace

TEST_CASE("what a call used is told in a journal and not while a job is watched") {
  const json::object ended =
      row(1, "00.000000",
          R"({"type":"call_ended","step":"out","call":1,"outcome":"succeeded","output":null,
          "used":{"waited":"30ms","ran":"1200us","cpu":null,"memory_bytes":1048576}})");
  Timeline whole(Timeline::Detail::usage);
  Timeline course;

  CHECK(whole.add(ended).at(0).text == "call 1 succeeded (ran 1ms, waited 30ms, memory 1.0 MiB)");
  CHECK(course.add(ended).at(0).text == "call 1 succeeded");
}

TEST_CASE("the timeline of a compensated job tells calls and outcomes and why it turned back") {
  const std::string text = told({
      row(1, "00.000000", R"({"type":"submitted"},)" + start_out),
      row(2, "00.015000",
          R"({"type":"call_ended","step":"out","call":1,"outcome":"succeeded",
              "output":{"receipt":"r-1"},"error":null},
             {"type":"step_moved","step":"out","phase":"execute","state":"succeeded",
              "effect":"done","attempts":1},
             {"type":"call_started","step":"in","phase":"execute","call":2,"attempt":1})"),
      row(3, "01.255000",
          R"({"type":"call_ended","step":"in","call":2,"outcome":"refused","output":null,
              "error":{"code":"account_closed","message":"account B-7 is closed"}},
             {"type":"step_moved","step":"in","phase":"execute","state":"abandoned",
              "effect":"none","attempts":1,"reason":"refused","error":null},
             {"type":"turned_back","cause":"step_abandoned","step":"in",
              "error":{"code":"account_closed","message":"account B-7 is closed"}},
             {"type":"call_started","step":"out","phase":"compensate","call":3,"attempt":1})"),
      row(4, "01.300000",
          R"({"type":"call_ended","step":"out","call":3,"outcome":"succeeded","output":null},
             {"type":"step_moved","step":"out","phase":"compensate","state":"compensated",
              "effect":"none","attempts":1},
             {"type":"settled","state":"compensated"})"),
  });

  CHECK(text ==
        "     +0ms       submitted\n"
        "     +0ms  out  call 1 started\n"
        "    +15ms  out  call 1 succeeded after 15ms → {\"receipt\":\"r-1\"}\n"
        "    +15ms  in   call 2 started\n"
        "   +1.25s  in   call 2 refused after 1.24s: account_closed: account B-7 is closed; "
        "abandoned\n"
        "   +1.25s       the job turns back, because: step in was abandoned: account_closed: "
        "account B-7 is closed\n"
        "   +1.25s  out  call 3 started: compensates, because step in was abandoned\n"
        "    +1.3s  out  call 3 succeeded after 45ms; compensated\n"
        "    +1.3s       settled: compensated\n");
}

TEST_CASE("a retry tells when it is due and which attempt follows") {
  const std::string text = told({
      row(1, "00.000000", R"({"type":"submitted"},)" + start_out),
      row(2, "00.100000",
          R"({"type":"call_ended","step":"out","call":1,"outcome":"timed_out","error":null},
             {"type":"step_moved","step":"out","state":"retrying","effect":"possible",
              "attempts":1,"due":"2026-03-01T12:00:00.300000Z"})"),
      row(3, "00.301000",
          R"({"type":"call_started","step":"out","phase":"execute","call":2,"attempt":2})"),
  });

  CHECK(text ==
        "     +0ms       submitted\n"
        "     +0ms  out  call 1 started\n"
        "   +100ms  out  call 1 timed out after 100ms; tries again in 200ms\n"
        "   +301ms  out  call 2 started (attempt 2)\n");
}

TEST_CASE("a compensation of what may have happened says so") {
  const std::string text = told({
      row(1, "00.000000",
          R"({"type":"step_moved","step":"out","state":"abandoned","effect":"possible"},
             {"type":"turned_back","cause":"cancel","step":null,
              "error":{"code":"cancelled","message":"by ann"}},
             {"type":"call_started","step":"out","phase":"compensate","call":2,"attempt":1})"),
  });

  CHECK(text.find("the job turns back, because: cancel: cancelled: by ann\n") != text.npos);
  CHECK(text.find("compensates, because cancel (it may have taken effect)\n") != text.npos);
}

TEST_CASE("an operator stands in the timeline with verb and reason") {
  const std::string text = told({
      row(1, "00.000000",
          R"({"type":"operator_acted","verb":"skip","actor":"ann","reason":"by hand",
              "step":"mail"},
             {"type":"step_moved","step":"mail","state":"skipped"})"),
  });

  CHECK(text ==
        "     +0ms  mail  ann asked for skip: by hand\n"
        "     +0ms  mail  skipped\n");
}

TEST_CASE("the timeline says why a step was given up or parked or stopped") {
  const auto moved = [](const std::string& state, const std::string& reason) {
    return told({row(1, "00.000000",
                     R"({"type":"step_moved","step":"a","state":")" + state + R"(","reason":")" +
                         reason + R"(","error":{"code":"c","message":"m"}})")});
  };

  CHECK(moved("abandoned", "attempts_used_up") ==
        "     +0ms  a  abandoned: its attempts are used up: c: m\n");
  CHECK(moved("abandoned", "operator_verb") == "     +0ms  a  abandoned: by an operator\n");
  CHECK(moved("parked", "effect_in_doubt") ==
        "     +0ms  a  parked, an operator must decide: nothing can tell whether it took effect: "
        "c: m\n");
  CHECK(moved("stopping", "timed_out") == "     +0ms  a  asked to stop: it took too long: c: m\n");
  CHECK(moved("parked", "new_reason").find("new reason") != std::string::npos);
}

TEST_CASE("an entry that this program does not know is told by its name") {
  CHECK(told({row(1, "00.000000", R"({"type":"child_spawned","step":"a"})")}) ==
        "     +0ms  a  child spawned\n");
}

namespace {

const json::object two_steps = *parse_object(
    R"({"id":"J","name":"transfer","created_at":"2026-03-01T12:00:00Z",
        "steps":[{"id":"out","type":"bank.out"},{"id":"in","type":"bank.in"}]})");

}  // namespace

TEST_CASE("the board shows each step with state and attempts and progress") {
  StepsBoard board(two_steps);
  board.add_row(row(1, "00.000000", start_out));
  board.add_progress(*parse_object(R"({"step":"out","permille":420,"note":"asking the bank"})"));

  CHECK(board.block(Screen{}, 3s, 15) ==
        "J  transfer  running  0 of 2 steps  3s\n"
        "  >  out  bank.out  running  ####------ 42%  asking the bank\n"
        "     in   bank.in   pending\n");
}

TEST_CASE("the board counts down to the next attempt and says what went wrong") {
  StepsBoard board(two_steps);
  board.add_row(row(1, "00.000000", start_out));
  board.add_row(row(2, "01.000000",
                    R"({"type":"call_ended","step":"out","call":1,"outcome":"retry",
                        "error":{"code":"down","message":"no answer"}},
                       {"type":"step_moved","step":"out","phase":"execute","state":"retrying",
                        "attempts":2,"due":"2026-03-01T12:00:05Z"})"));

  const std::string text = board.block(Screen{.unicode = true}, 3s, 15);

  CHECK(text.find("  …  out  bank.out  retrying  attempt 2, goes on in 2s, down: no answer\n") !=
        text.npos);
}

TEST_CASE("the board of a long job shows the steps at work and counts the rest") {
  json::object job = two_steps;
  json::array steps;
  for (int number = 0; number < 100; ++number) {
    const std::string id = "s" + std::to_string(number);
    steps.push_back(json::object{{"id", id}, {"type", "t"}});
  }
  job["steps"] = steps;
  StepsBoard board(job);
  board.add_row(row(1, "00.000000",
                    R"({"type":"step_moved","step":"s0","phase":"execute","state":"succeeded"},
                       {"type":"call_started","step":"s60","phase":"execute","attempt":1})"));

  const std::string text = board.block(Screen{}, 1s, 2);

  CHECK(text ==
        "J  transfer  running  1 of 100 steps  1s\n"
        "  +  s0   t  succeeded\n"
        "  >  s60  t  running\n"
        "  and 98 more steps\n");
}

TEST_CASE("the board says when the daemon is away and when the job goes backward") {
  StepsBoard board(two_steps);
  board.add_row(row(1, "00.000000", R"({"type":"turned_back","cause":"cancel"})"));
  CHECK(board.block(Screen{}, 1s, 5).find("compensating") != std::string::npos);

  board.set_lost(true);
  CHECK(board.block(Screen{}, 1s, 5).find("waits for the daemon") != std::string::npos);
}
