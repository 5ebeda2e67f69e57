#include "host/runtime/step_counters.hpp"

#include <catch2/catch.hpp>
#include <thread>

using namespace stepd;
using namespace stepd::runtime;
using namespace std::chrono_literals;

TEST_CASE("a span is counted in a class that ends a quarter above it at most", "[runtime]") {
  const std::int64_t micros =
      GENERATE(0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 1000, 1023, 1024, 1'000'000, 86'400'000'000);
  SpanHistogram spans;

  spans.add(engine::Duration(micros));

  const auto classes = spans.classes();
  REQUIRE(classes.size() == 1);
  const auto span = static_cast<std::uint64_t>(micros);
  CHECK(classes[0].count == 1);
  CHECK(classes[0].below_us > span);
  CHECK(classes[0].below_us <= span + span / 4 + 1);
}

TEST_CASE("spans beyond all classes and below zero are counted in the outermost", "[runtime]") {
  SpanHistogram spans;

  spans.add(24h * 10'000);
  spans.add(-1s);

  const auto classes = spans.classes();
  REQUIRE(classes.size() == 2);
  CHECK(classes[0].below_us == 1);
  CHECK(classes[1].count == 1);
}

TEST_CASE("classes of spans rise and are told in order", "[runtime]") {
  SpanHistogram spans;
  for (std::int64_t micros = 0; micros < 100'000; ++micros) spans.add(engine::Duration(micros));

  std::uint64_t last = 0;
  std::uint64_t counted = 0;
  for (const auto& one : spans.classes()) {
    CHECK(one.below_us > last);
    counted += one.count;
    if (one.below_us <= 100'000) CHECK(counted == one.below_us);
    last = one.below_us;
  }
  CHECK(counted == 100'000);
}

TEST_CASE("calls are counted by step type and outcome with what they used", "[runtime]") {
  StepCounters counters;
  StepCounter worker(counters);

  worker.begin("b.step");
  worker.end(engine::OutcomeKind::succeeded,
             {.waited = 1ms, .ran = 4ms, .cpu = 3ms, .memory_kib = 900});
  worker.begin("b.step");
  worker.end(engine::OutcomeKind::timed_out, {.ran = 9ms});
  worker.begin("a.step");

  const auto lines = counters.lines();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].type == "a.step");
  CHECK(lines[0].count.begun == 1);
  const StepCount& b = lines[1].count;
  CHECK(b.begun == 2);
  CHECK(b.ended[std::size_t(engine::OutcomeKind::succeeded)] == 1);
  CHECK(b.ended[std::size_t(engine::OutcomeKind::timed_out)] == 1);
  CHECK(b.cpu == 3ms);
  CHECK(b.cpu_unknown == 1);
  CHECK(b.memory_kib == 900);
  CHECK(b.ran.classes().size() == 2);
  CHECK(b.waited.classes().size() == 1);
}

TEST_CASE("many workers count into one step type and lose nothing", "[runtime]") {
  StepCounters counters;
  constexpr std::uint64_t calls_each = 5000;
  const auto work = [&counters] {
    StepCounter worker(counters);
    for (std::uint64_t call = 0; call < calls_each; ++call) {
      worker.begin(call % 2 == 0 ? "even" : "odd");
      worker.end(engine::OutcomeKind::succeeded, {.ran = 1us, .cpu = 1us});
    }
  };
  {
    const std::jthread one(work);
    const std::jthread other(work);
  }

  for (const auto& line : counters.lines()) {
    CHECK(line.count.begun == calls_each);
    CHECK(line.count.cpu == std::chrono::microseconds(calls_each));
  }
}

TEST_CASE("step types without end are counted together beyond the limit", "[runtime]") {
  StepCounters counters;
  StepCounter worker(counters);
  constexpr int many = 10'100;
  for (int type = 0; type < many; ++type) {
    worker.begin("type" + std::to_string(type));
    worker.end(engine::OutcomeKind::succeeded, {});
  }

  const auto lines = counters.lines();
  CHECK(lines.size() == 10'001);
  CHECK(lines.front().type.empty());
  CHECK(lines.front().count.begun == 100);
}
