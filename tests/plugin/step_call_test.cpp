#include "host/plugin/step_call.hpp"

#include <poll.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <latch>
#include <thread>

#include "host/plugin/borrowed.hpp"
#include "host/plugin/call_context.hpp"
#include "host/plugin/call_stop.hpp"
#include "host/plugin/current_call.hpp"
#include "tests/plugin/rehearsal.hpp"

using namespace stepd;
using namespace stepd::plugin;
using engine::OutcomeKind;
using engine::Phase;
using std::chrono::milliseconds;

namespace {

stepd_error error_saying(std::string_view code, std::string_view message) {
  return {sizeof(stepd_error), 0, lend(code), lend(message), {}, -1};
}

bool is_readable(int descriptor) {
  pollfd watched{descriptor, POLLIN, 0};
  return ::poll(&watched, 1, 0) == 1;
}

}  // namespace

TEST_CASE("an answer is taken by what it means in its phase") {
  using Kind = OutcomeKind;
  constexpr Kind bad = Kind::bad_answer;
  struct Row {
    stepd_outcome answer;
    Kind execute;
    Kind probe;
    Kind compensate;
  };
  const std::vector<Row> rows{
      {STEPD_SUCCEEDED, Kind::succeeded, Kind::succeeded, Kind::succeeded},
      {STEPD_RETRY, Kind::retry, Kind::retry, Kind::retry},
      {STEPD_REFUSED, Kind::refused, bad, Kind::refused},
      {STEPD_FAILED, Kind::failed, bad, Kind::failed},
      {STEPD_SUSPENDED, Kind::suspended, Kind::suspended, Kind::suspended},
      {STEPD_EFFECT_UNKNOWN, Kind::effect_unknown, Kind::effect_unknown, Kind::effect_unknown},
      {STEPD_CANCELLED, Kind::cancelled, Kind::cancelled, Kind::cancelled},
      {STEPD_NO_EFFECT, bad, Kind::no_effect, bad},
      {STEPD_PENDING, bad, bad, bad},
      {9, bad, bad, bad},
      {-1, bad, bad, bad},
      {INT32_MIN, bad, bad, bad},
  };

  for (const Row& row : rows) {
    for (const auto& [phase, expected] :
         {std::pair{Phase::execute, row.execute}, std::pair{Phase::probe, row.probe},
          std::pair{Phase::compensate, row.compensate}}) {
      Rehearsal rehearsal;
      rehearsal.request.phase = phase;
      const auto outcome = rehearsal.run([&row](stepd_context* context) {
        context->host->suspend_for(context, 10);
        return row.answer;
      });
      INFO(row.answer << " in phase " << static_cast<int>(phase));
      CHECK(outcome.kind == expected);
      if (outcome.kind != bad) continue;
      CHECK_THAT(outcome.error.message,
                 Catch::Contains("test.step answered " + std::to_string(row.answer)));
    }
  }
}

TEST_CASE("a call that suspends without asking for a wait has answered badly") {
  const auto outcome = Rehearsal{}.run([](stepd_context*) { return STEPD_SUSPENDED; });

  CHECK(outcome.kind == OutcomeKind::bad_answer);
  CHECK_THAT(outcome.error.message, Catch::Contains("suspend functions"));
}

TEST_CASE("T1: of several waits the first to end counts and a span stays a span") {
  const engine::TimePoint now = KeptPorts::start().wall;
  const std::int64_t later = 1'700'000'005'000;

  const auto spanned = Rehearsal{}.run([later](stepd_context* context) {
    CHECK(context->host->suspend_until(context, later) == STEPD_OK);
    CHECK(context->host->suspend_for(context, 1500) == STEPD_OK);
    return STEPD_SUSPENDED;
  });
  CHECK(spanned.wait->due == engine::Due{now + milliseconds(1500), milliseconds(1500)});

  const auto dated = Rehearsal{}.run([later](stepd_context* context) {
    CHECK(context->host->suspend_until(context, later) == STEPD_OK);
    CHECK(context->host->suspend_until(context, INT64_MAX) == STEPD_INVALID);
    return STEPD_SUSPENDED;
  });
  CHECK(dated.wait->due == engine::Due{now + milliseconds(5000), {}});
}

TEST_CASE("a phase that the loaded build does not offer parks the step") {
  KeptPorts ports;
  StepModule step;
  step.type.name = "test.step";
  step.type.plugin = "test.plugin 1.0.0";
  const engine::CallRequest request{.phase = Phase::probe};

  const auto outcome = run_call(step, request, ports, {});

  CHECK(outcome.kind == OutcomeKind::bad_answer);
  CHECK_THAT(outcome.error.message,
             Catch::Contains("test.step of test.plugin 1.0.0 offers no probe"));
}

TEST_CASE("A10: an output that cannot be recorded turns success into a bad answer") {
  struct Row {
    std::string output;
    stepd_status status;
    const char* code;
  };
  const std::vector<Row> rows{
      {"", STEPD_INVALID, "bad_output"},
      {"{", STEPD_INVALID, "bad_output"},
      {"1 2", STEPD_INVALID, "bad_output"},
      {R"({"a":1,"a":2})", STEPD_INVALID, "bad_output"},
      {"nan", STEPD_INVALID, "bad_output"},
      {"1e999", STEPD_INVALID, "bad_output"},
      {"\"\xFF\"", STEPD_INVALID, "bad_output"},
      {std::string(50, '[') + std::string(50, ']'), STEPD_INVALID, "bad_output"},
      {"\"" + std::string(200, 'x') + "\"", STEPD_TOO_BIG, "output_too_big"},
  };

  for (const Row& row : rows) {
    Rehearsal rehearsal;
    rehearsal.limits.output_bytes_max = 150;
    rehearsal.limits.json_depth_max = 20;
    const auto outcome = rehearsal.run([&row](stepd_context* context) {
      CHECK(context->host->set_output(context, lend("1")) == STEPD_OK);
      CHECK(context->host->set_output(context, lend(row.output)) == row.status);
      return STEPD_SUCCEEDED;
    });
    INFO(row.output);
    CHECK(outcome.kind == OutcomeKind::bad_answer);
    CHECK(outcome.error.code == row.code);
    CHECK_THAT(outcome.error.message, Catch::StartsWith("test.step succeeded but has an output"));
  }
}

TEST_CASE("A10: what a step says of its bad answer is kept behind what is wrong with it") {
  const stepd_outcome answer = GENERATE(STEPD_SUCCEEDED, STEPD_PENDING, STEPD_SUSPENDED);
  const auto outcome = Rehearsal{}.run([answer](stepd_context* context) {
    const auto error = error_saying("bad_output", "/cents: is no number");
    CHECK(context->host->set_error(context, &error) == STEPD_OK);
    static_cast<void>(context->host->set_output(context, lend("")));
    return answer;
  });

  CHECK(outcome.kind == OutcomeKind::bad_answer);
  CHECK_THAT(outcome.error.message, Catch::StartsWith("test.step ") &&
                                        Catch::EndsWith(" (the step says: /cents: is no number)"));
}

TEST_CASE("the last output counts and a step may have none") {
  const auto mended = Rehearsal{}.run([](stepd_context* context) {
    static_cast<void>(context->host->set_output(context, lend("{")));
    CHECK(context->host->set_output(context, lend("{\"a\":[1.5,null]}")) == STEPD_OK);
    return STEPD_SUCCEEDED;
  });
  CHECK(mended.output.view() == "{\"a\":[1.5,null]}");

  CHECK(Rehearsal{}.run([](stepd_context*) { return STEPD_SUCCEEDED; }).output.empty());
}

TEST_CASE("a compensation has no output") {
  Rehearsal rehearsal;
  rehearsal.request.phase = Phase::compensate;

  const auto outcome = rehearsal.run([](stepd_context* context) {
    CHECK(context->host->set_output(context, lend("1")) == STEPD_INVALID);
    return STEPD_SUCCEEDED;
  });

  CHECK(outcome.kind == OutcomeKind::succeeded);
  CHECK(outcome.output.empty());
}

TEST_CASE("an error is copied and its words are made fit to be stored") {
  const auto outcome = Rehearsal{}.run([](stepd_context* context) {
    std::string message = "caf\xE9 closed";
    stepd_error error = error_saying("closed", message);
    error.details_json = lend("{\"until\":9}");
    error.retry_after_ms = 2500;
    CHECK(context->host->set_error(context, &error) == STEPD_OK);
    message.assign(message.size(), '?');
    return STEPD_RETRY;
  });

  CHECK(outcome.error.code == "closed");
  CHECK(outcome.error.message == "caf\xEF\xBF\xBD closed");
  CHECK(outcome.error.details.view() == "{\"until\":9}");
  CHECK(outcome.retry_after == engine::Duration(milliseconds(2500)));
}

TEST_CASE("an error that is malformed changes nothing") {
  const auto outcome = Rehearsal{}.run([](stepd_context* context) {
    const auto* host = context->host;
    const stepd_error good = error_saying("first", "stays");
    CHECK(host->set_error(context, &good) == STEPD_OK);
    stepd_error bad = good;
    bad.details_json = lend("[]");
    CHECK(host->set_error(context, &bad) == STEPD_INVALID);
    bad = good;
    bad.message = {nullptr, 3};
    CHECK(host->set_error(context, &bad) == STEPD_INVALID);
    bad = good;
    bad.struct_size = 8;
    CHECK(host->set_error(context, &bad) == STEPD_INVALID);
    CHECK(host->set_error(context, nullptr) == STEPD_INVALID);
    return STEPD_FAILED;
  });

  CHECK(outcome.error == engine::Error{"first", "stays", {}});
  CHECK_FALSE(outcome.retry_after);
}

TEST_CASE("an error struct that ends earlier has no delay and one without a code gets one") {
  const auto outcome = Rehearsal{}.run([](stepd_context* context) {
    stepd_error error = error_saying("", "said");
    error.struct_size = offsetof(stepd_error, details_json);
    error.retry_after_ms = 5;
    CHECK(context->host->set_error(context, &error) == STEPD_OK);
    return STEPD_RETRY;
  });

  CHECK(outcome.error == engine::Error{"error", "said", {}});
  CHECK_FALSE(outcome.retry_after);
}

TEST_CASE("an exception of any kind is a failed attempt") {
  const auto error =
      Rehearsal{}.run([](stepd_context*) -> stepd_outcome { throw std::runtime_error("no room"); });
  CHECK(error.kind == OutcomeKind::retry);
  CHECK(error.error == engine::Error{"exception", "no room", {}});

  const auto number = Rehearsal{}.run([](stepd_context*) -> stepd_outcome { throw 7; });
  CHECK(number.kind == OutcomeKind::retry);
  CHECK(number.error.code == "exception");
}

TEST_CASE("A6: the key of a phase and the key of execute are told") {
  Rehearsal rehearsal;
  rehearsal.request.phase = Phase::compensate;
  rehearsal.request.own_output = engine::JsonText("\"r-1\"");

  const auto outcome = rehearsal.run([&rehearsal](stepd_context* context) {
    const stepd_call* call = context->host->call(context);
    const engine::JobId job = rehearsal.request.id.job;
    CHECK(view(call->idempotency_key) == engine::idempotency_key(job, "s", Phase::compensate));
    CHECK(view(call->execute_key) == engine::idempotency_key(job, "s", Phase::execute));
    CHECK(view(call->job_id) == engine::to_text(job));
    CHECK(context->host->call(context) == call);
    stepd_str output{};
    CHECK(context->host->own_output(context, &output) == STEPD_OK);
    CHECK(view(output) == "\"r-1\"");
    return STEPD_SUCCEEDED;
  });

  CHECK(outcome.kind == OutcomeKind::succeeded);
}

TEST_CASE("A5: the time left is the nearer of time-out and deadline") {
  const auto left = [](Rehearsal& rehearsal) {
    std::int64_t answer = 0;
    static_cast<void>(rehearsal.run([&](stepd_context* context) {
      rehearsal.ports.time.steady += milliseconds(400);
      rehearsal.ports.time.wall += milliseconds(400);
      answer = context->host->time_left_ms(context);
      return STEPD_SUCCEEDED;
    }));
    return answer;
  };
  Rehearsal without;
  CHECK(left(without) == INT64_MAX);
  Rehearsal timed;
  timed.request.timeout = milliseconds(1000);
  CHECK(left(timed) == 600);
  Rehearsal nearer;
  nearer.request.timeout = milliseconds(1000);
  nearer.request.deadline = KeptPorts::start().wall + milliseconds(500);
  CHECK(left(nearer) == 100);
  Rehearsal over;
  over.request.timeout = milliseconds(300);
  CHECK(left(over) == 0);
}

TEST_CASE("a stop wakes a sleeping call and makes its file readable") {
  Rehearsal rehearsal;
  std::jthread stopper;

  const auto outcome = rehearsal.run([&](stepd_context* context) {
    const auto* host = context->host;
    const int descriptor = host->stop_fd(context);
    CHECK(host->stop_fd(context) == descriptor);
    CHECK_FALSE(is_readable(descriptor));
    CHECK(host->stop_requested(context) == 0);
    stopper = std::jthread([&rehearsal] { rehearsal.stop.request_stop(); });
    CHECK(host->sleep_ms(context, 3'600'000) == STEPD_STOPPED);
    CHECK(host->stop_requested(context) == 1);
    CHECK(is_readable(descriptor));
    CHECK(host->sleep_ms(context, 3'600'000) == STEPD_STOPPED);
    return STEPD_CANCELLED;
  });

  CHECK(outcome.kind == OutcomeKind::cancelled);
}

TEST_CASE("a call that is stopped before it looks finds its file readable") {
  Rehearsal rehearsal;
  rehearsal.stop.request_stop();

  static_cast<void>(rehearsal.run([](stepd_context* context) {
    CHECK(is_readable(context->host->stop_fd(context)));
    return STEPD_CANCELLED;
  }));
}

TEST_CASE("a sleep ends when its time is over") {
  static_cast<void>(Rehearsal{}.run([](stepd_context* context) {
    CHECK(context->host->sleep_ms(context, 1) == STEPD_OK);
    CHECK(context->host->sleep_ms(context, -1) == STEPD_INVALID);
    return STEPD_SUCCEEDED;
  }));
}

TEST_CASE("a host function that outlives the callback is waited for and its call is over") {
  /// Holds the thread that gives a sign of life until it is let go.
  class HoldingPorts final : public CallPorts {
   public:
    engine::BlobStatus save(engine::StepBlob::Kind, std::string, std::string) override {
      return engine::BlobStatus::fenced;
    }
    std::vector<engine::StepBlob> blobs() override { return {}; }
    SendStatus send(engine::SentEvent) override { return SendStatus::fenced; }
    CheckedJob check_job(std::string_view) override { return std::string("none"); }
    std::optional<ChildNow> child(const std::string&) override { return std::nullopt; }
    std::vector<ChildNow> settled_children(std::uint32_t, std::size_t) override { return {}; }
    CheckedUndo check_undo(const std::string&) override { return NothingToUndo{}; }
    std::optional<ChildNow> child_undo(const std::string&) override { return std::nullopt; }
    void heartbeat() override {
      inside.count_down();
      let_go.wait();
      over = true;
    }
    void progress(std::uint32_t, std::string) override {}
    void log(std::int32_t, std::string_view, std::string_view) override {}
    engine::Now now() override { return {}; }

    std::latch inside{1};
    std::latch let_go{1};
    std::atomic<bool> over{false};
  };
  HoldingPorts ports;
  std::jthread stray;
  std::jthread releaser;
  Body body = [&](stepd_context* context) {
    stray = std::jthread([context] { context->host->heartbeat(context); });
    ports.inside.wait();
    releaser = std::jthread([&ports] { ports.let_go.count_down(); });
    return STEPD_SUCCEEDED;
  };
  StepModule step;
  step.type.name = "test.step";
  step.self = &body;
  step.execute = run_body;

  const auto outcome = run_call(step, {}, ports, {});

  CHECK(outcome.kind == OutcomeKind::succeeded);
  CHECK(ports.over);
}

TEST_CASE("the end of a call wakes whoever sleeps in it") {
  CallStop stop{std::stop_token{}};
  std::atomic<bool> woken{false};
  std::jthread sleeper([&] { woken = stop.wait_for(std::chrono::hours(1)); });

  stop.release();

  sleeper.join();
  CHECK(woken);
}

TEST_CASE("a host function is fenced once the call is over") {
  const StepModule step;
  const engine::CallRequest request;
  const engine::Limits limits;
  KeptPorts ports;
  CallContext context(step, request, ports, {}, limits);
  context.visits.close(context.stop);

  const stepd_host_calls& host = *context.host;
  const stepd_error error = error_saying("late", "late");
  stepd_str bytes{};
  CHECK(host.set_output(&context, lend("1")) == STEPD_FENCED);
  CHECK(host.set_error(&context, &error) == STEPD_FENCED);
  CHECK(host.suspend_for(&context, 5) == STEPD_FENCED);
  CHECK(host.suspend_until(&context, 5) == STEPD_FENCED);
  CHECK(host.memo_save(&context, lend("k"), lend("v")) == STEPD_FENCED);
  CHECK(host.memo_load(&context, STEPD_PHASE_EXECUTE, lend("k"), &bytes) == STEPD_FENCED);
  CHECK(host.checkpoint_save(&context, lend("v")) == STEPD_FENCED);
  CHECK(host.heartbeat(&context) == STEPD_FENCED);
  CHECK(host.progress(&context, 1, lend("n")) == STEPD_FENCED);
  CHECK(host.sleep_ms(&context, 3'600'000) == STEPD_FENCED);
  CHECK(host.stop_fd(&context) == -1);
  CHECK(host.time_left_ms(&context) == 0);
  host.log(&context, STEPD_LOG_INFO, lend("late"), {});
  CHECK(ports.heard.empty());
  CHECK(ports.kept.empty());
}

TEST_CASE("host functions may be called from many threads at once") {
  Rehearsal rehearsal;
  std::atomic<int> first{0};

  const auto outcome = rehearsal.run([&first](stepd_context* context) {
    std::vector<std::jthread> threads;
    for (int number = 0; number < 4; ++number) {
      threads.emplace_back([context, &first, number] {
        const auto* host = context->host;
        for (int round = 0; round < 50; ++round) {
          const std::string key = std::to_string(round);
          if (host->memo_save(context, lend(key), lend(std::to_string(number))) == STEPD_OK)
            ++first;
          stepd_str bytes{};
          if (host->memo_load(context, STEPD_PHASE_EXECUTE, lend(key), &bytes) != STEPD_OK) return;
          host->set_output(context, bytes);
          host->heartbeat(context);
          host->call(context);
          host->stop_fd(context);
          host->checkpoint_save(context, bytes);
        }
      });
    }
    threads.clear();
    return STEPD_SUCCEEDED;
  });

  CHECK(outcome.kind == OutcomeKind::succeeded);
  CHECK(first == 50);
}

TEST_CASE("A7: the thread that runs a call knows which one") {
  CHECK(current_call() == nullptr);
  static_cast<void>(Rehearsal{}.run([](stepd_context*) {
    const CurrentCall* here = current_call();
    CHECK((here != nullptr && here->id == engine::CallId{{12345}, 1}));
    CHECK((here != nullptr && std::string_view(here->step_type) == "test.step"));
    CHECK((here != nullptr && here->module.value == 77));
    std::jthread([] { CHECK(current_call() == nullptr); }).join();
    return STEPD_SUCCEEDED;
  }));
  CHECK(current_call() == nullptr);
  static_cast<void>(Rehearsal{}.run([](stepd_context*) -> stepd_outcome { throw 1; }));
  CHECK(current_call() == nullptr);
}

TEST_CASE("what a call says is led on in readable form") {
  Rehearsal rehearsal;

  static_cast<void>(rehearsal.run([](stepd_context* context) {
    const auto* host = context->host;
    host->log(context, 99, lend("a\xFF"), lend("no object"));
    host->log(context, STEPD_LOG_WARNING, lend("b"), lend("{\"c\":1}"));
    CHECK(host->progress(context, 1000, lend("all")) == STEPD_OK);
    CHECK(host->progress(context, 0, {nullptr, 1}) == STEPD_INVALID);
    return STEPD_SUCCEEDED;
  }));

  CHECK(rehearsal.ports.heard ==
        std::vector<std::string>{"log 3 a\xEF\xBF\xBD ", "log 2 b {\"c\":1}", "progress 1000 all"});
}
