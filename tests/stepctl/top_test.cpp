#include <catch2/catch.hpp>

#include "tests/stepctl/canned/canned_daemon.hpp"
#include "tests/stepctl/child.hpp"
#include "tools/stepctl/step_rates.hpp"

using namespace stepd::stepctl;
using namespace stepd::test;
using namespace std::chrono_literals;

namespace {

std::string answer(const std::string& at, const std::string& types,
                   const std::string& since = "2026-03-01T11:00:00.000000Z") {
  return R"({"at":"2026-03-01T12:00:)" + at + R"(Z","since":")" + since + R"(","step_types":[)" +
         types + "]}";
}

const std::string transfer_before =
    R"({"type":"bank.transfer","running":1,"waiting":0,"calls":100,"failed":3,"ended":{},
        "cpu_us":1000,"cpu_unknown":0,"ran":[{"below_us":6,"calls":100}],
        "waited":[{"below_us":6,"calls":100}],"memory_bytes":1048576})";
const std::string transfer_after =
    R"({"type":"bank.transfer","running":2,"waiting":7,"calls":300,"failed":5,"ended":{},
        "cpu_us":401000,"cpu_unknown":0,
        "ran":[{"below_us":6,"calls":101},
        {"below_us":1024,"calls":197},{"below_us":65536,"calls":2}],
        "waited":[{"below_us":6,"calls":300}],"memory_bytes":2097152})";
const std::string idle =
    R"({"type":"bank.idle","running":0,"waiting":0,"calls":4,"failed":0,"ended":{},"cpu_us":9,
        "cpu_unknown":0,"ran":[{"below_us":6,"calls":4}],"waited":[],"memory_bytes":null})";

RateTable rates(const std::string& before, const std::string& after) {
  return rates_between(parse_step_usage(before).value(), parse_step_usage(after).value());
}

CannedDaemon::Answer looks() {
  return [look = 0](const CannedRequest& request) mutable -> CannedReply {
    if (request.target != "/v1/step-types:usage") return problem(404, request.target);
    return {200, look++ == 0 ? answer("00.000000", transfer_before + "," + idle)
                             : answer("02.000000", transfer_after + "," + idle)};
  };
}

}  // namespace

TEST_CASE("rates are those of the time between two looks") {
  const RateTable table = rates(answer("00.000000", transfer_before + "," + idle),
                                answer("02.000000", transfer_after + "," + idle));

  CHECK(table.window == 2s);
  REQUIRE(table.types.size() == 2);
  const StepRates& still = table.types[0];
  CHECK(still.type == "bank.idle");
  CHECK(still.calls_per_second == 0);
  CHECK_FALSE(still.p50);
  CHECK_FALSE(still.failed_percent);
  CHECK_FALSE(still.cpu_percent);
  CHECK_FALSE(still.memory_bytes);
  const StepRates& busy = table.types[1];
  CHECK(busy.calls_per_second == 100);
  CHECK(busy.running == 2);
  CHECK(busy.waiting == 7);
  CHECK(busy.p50 == Span(1024));
  CHECK(busy.p99 == Span(1024));
  CHECK(busy.waited_p99 == Span(6));
  CHECK(busy.failed_percent == 1);
  CHECK(busy.cpu_percent == 20);
  CHECK(busy.cpu_per_call == 2ms);
  CHECK(busy.memory_bytes == 2097152);
}

TEST_CASE("after a restart of the daemon rates are those since then") {
  const RateTable table =
      rates(answer("00.000000", transfer_after),
            answer("10.000000", transfer_before, "2026-03-01T12:00:05.000000Z"));

  CHECK(table.window == 5s);
  CHECK(table.types.at(0).calls_per_second == 20);
}

TEST_CASE("a table of rates is sorted by what is asked for and the unknown comes last") {
  RateTable table{.window = 1s,
                  .types = {{.type = "a", .calls_per_second = 1, .p99 = {}},
                            {.type = "b", .calls_per_second = 3, .p99 = 5ms},
                            {.type = "c", .calls_per_second = 2, .p99 = 9ms}}};
  const auto order = [&table](std::string_view key) {
    sort_by(key, table);
    std::string names;
    for (const StepRates& one : table.types) names += one.type;
    return names;
  };

  CHECK(order("type") == "abc");
  CHECK(order("rate") == "bca");
  CHECK(order("p99") == "cba");
  CHECK(order("memory") == "cba");
}

TEST_CASE("what is no answer about step types is none") {
  CHECK_FALSE(parse_step_usage("no JSON"));
  CHECK_FALSE(parse_step_usage(R"({"step_types":[]})"));
}

TEST_CASE("top prints one table for a script and ends") {
  const CannedDaemon daemon(looks());

  const ChildEnd end = stepctl(daemon.address(), {"top", "--once", "--interval", "100ms"});

  CHECK(end.code == 0);
  CHECK(end.err.empty());
  CHECK(end.out ==
        "the last 2s\n"
        "STEP TYPE      CALLS/S  RUNNING  WAITING  P50  P99  WAITED P99  FAILED  CPU    CPU/CALL  "
        "MEMORY\n"
        "bank.transfer  100      2        7        1ms  1ms  6us         1.00%   20.0%  2ms       "
        "2.0 MiB\n"
        "bank.idle      0.0      0        0        -    -    -           -       -      -         "
        "-\n");
}

TEST_CASE("top tells programs the same as JSON") {
  const CannedDaemon daemon(looks());

  const ChildEnd end =
      stepctl(daemon.address(), {"--output", "json", "top", "--once", "--interval", "100ms"});

  CHECK(end.code == 0);
  const auto told = parse_object(end.out).value();
  CHECK(told.at("at") == "2026-03-01T12:00:02.000000Z");
  CHECK(told.at("seconds").to_number<double>() == 2);
  const auto& first = told.at("step_types").at(0);
  CHECK(first.at("type") == "bank.transfer");
  CHECK(first.at("calls_per_second").to_number<double>() == 100);
  CHECK(first.at("p50_us") == 1024);
  CHECK(first.at("cpu_us_per_call") == 2000);
  CHECK(told.at("step_types").at(1).at("p50_us").is_null());
}

TEST_CASE("top says what is wrong with its flags") {
  CHECK(stepctl("", {"top", "--interval", "5"}).err.find("100ms and more") != std::string::npos);
  CHECK(stepctl("", {"top", "--sort", "size"}).code == 2);
}

TEST_CASE("top of an older daemon is refused and not drawn") {
  const CannedDaemon daemon([](const CannedRequest&) { return problem(404, "there is nothing"); });

  const ChildEnd end = stepctl(daemon.address(), {"top", "--once"});

  CHECK(end.code == 1);
  CHECK(end.err.find("there is nothing") != std::string::npos);
}
