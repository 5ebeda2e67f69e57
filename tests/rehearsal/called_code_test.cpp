#include "host/rehearsal/called_code.hpp"

#include <catch2/catch.hpp>
#include <latch>

#include "tests/rehearsal/coded_steps.hpp"

using namespace stepd::rehearsal;
using namespace stepd::rehearsal::testing;
using stepd::engine::BlobStatus;
using stepd::engine::StepBlob;

namespace {

/// Has a function of the test in the place of the plugins' code.
class FakeCaller final : public stepd::runtime::StepCaller {
 public:
  using Code =
      std::function<Outcome(const CallRequest&, stepd::plugin::CallPorts&, const std::stop_token&)>;
  explicit FakeCaller(Code code) : code_(std::move(code)) {}
  Outcome run(const CallRequest& request, stepd::plugin::CallPorts& ports,
              std::stop_token stop) override {
    return code_(request, ports, stop);
  }

 private:
  Code code_;
};

/// Says what was asked of it.
class NotedNeeds final : public CodeNeeds {
 public:
  std::vector<std::string> asked;
  BlobStatus save(const stepd::engine::CallId&, StepBlob::Kind, std::string key,
                  std::string bytes) override {
    asked.push_back(key + "=" + bytes);
    return BlobStatus::stored;
  }
  stepd::runtime::EventAnswer send(const stepd::engine::CallId&,
                                   stepd::engine::SentEvent event) override {
    asked.push_back("event " + event.key + " of " + event.tenant);
    return stepd::runtime::EventAccepted{};
  }
  void refuse_job(stepd::engine::StepIndex step) override {
    asked.push_back("job of step " + std::to_string(step));
  }
  std::vector<StepBlob> blobs(stepd::engine::StepIndex) override { return {}; }
};

CallRequest a_request() { return {.id = {{7}, 1}, .tenant = "t", .step = "a"}; }

}  // namespace

TEST_CASE("code is answered what it asks of its host by the one that plays") {
  FakeCaller caller([](const CallRequest&, stepd::plugin::CallPorts& ports, const auto&) {
    CHECK(ports.save(StepBlob::Kind::memo, "k", "v") == BlobStatus::stored);
    CHECK(ports.send({.key = "done"}) == stepd::plugin::SendStatus::stored);
    CHECK(ports.now().wall == curtain_up.wall);
    CHECK(std::holds_alternative<std::string>(ports.check_job("{}")));
    return success("7");
  });
  CalledCode code(caller);
  NotedNeeds needs;
  const CallRequest request = a_request();

  const auto outcome = code.run({.request = request, .now = curtain_up}, needs);

  REQUIRE(outcome);
  CHECK(outcome->output.text() == "7");
  CHECK(needs.asked == std::vector<std::string>{"k=v", "event done of t", "job of step 0"});
}

TEST_CASE("code that is asked to stop hears it from its beginning") {
  FakeCaller caller([](const CallRequest&, stepd::plugin::CallPorts&, const auto& stop) {
    return stop.stop_requested() ? answer(OutcomeKind::cancelled) : success();
  });
  CalledCode code(caller);
  NotedNeeds needs;
  const CallRequest request = a_request();

  const auto stopped = code.run({.request = request, .asked_to_stop = true}, needs);
  const auto free = code.run({.request = request}, needs);

  CHECK(stopped->kind == OutcomeKind::cancelled);
  CHECK(free->kind == OutcomeKind::succeeded);
}

TEST_CASE("code that does not return is left to itself and nothing else is called meanwhile") {
  std::latch hang(1);
  BlobStatus late = BlobStatus::stored;
  FakeCaller caller([&](const CallRequest&, stepd::plugin::CallPorts& ports, const auto&) {
    hang.wait();
    late = ports.save(StepBlob::Kind::memo, "k", "late");
    return success();
  });
  CalledCode code(caller, {.call_max = 10ms, .stop_grace = 1ms});
  NotedNeeds needs;
  const CallRequest request = a_request();

  REQUIRE(code.enter());
  CHECK_FALSE(code.run({.request = request}, needs));
  CHECK(code.why_silent().find("step \"a\" did not return within 1 s") != std::string::npos);
  code.leave();
  CHECK_FALSE(code.enter());
  CHECK_FALSE(code.end(1ms));
  hang.count_down();

  CHECK(code.end(20s));
  CHECK(late == BlobStatus::fenced);
  CHECK(needs.asked.empty());
}

TEST_CASE("an ending daemon waits for no call that does not stop") {
  std::latch begun(1);
  std::latch hang(1);
  FakeCaller caller([&](const auto&, auto&, const auto&) {
    begun.count_down();
    hang.wait();
    return success();
  });
  CalledCode code(caller, {.call_max = 1h, .stop_grace = 1ms});
  REQUIRE(code.enter());
  std::optional<Outcome> outcome = success();
  std::jthread test([&] {
    NotedNeeds needs;
    const CallRequest request = a_request();
    outcome = code.run({.request = request}, needs);
    code.leave();
  });
  begun.wait();

  CHECK_FALSE(code.end(1ms));
  test.join();
  CHECK_FALSE(outcome);
  hang.count_down();

  CHECK(code.end(20s));
}

TEST_CASE("a call is bounded by its own time-out and asked to stop then") {
  FakeCaller caller([](const CallRequest&, stepd::plugin::CallPorts&, const auto& stop) {
    std::latch asked(1);
    const std::stop_callback wake(stop, [&] { asked.count_down(); });
    asked.wait();
    return answer(OutcomeKind::cancelled);
  });
  CalledCode code(caller, {.call_max = 1h, .stop_grace = 1h});
  NotedNeeds needs;
  CallRequest request = a_request();
  request.timeout = 5ms;

  const auto outcome = code.run({.request = request}, needs);

  REQUIRE(outcome);
  CHECK(outcome->kind == OutcomeKind::cancelled);
}

TEST_CASE("one test at a time has its code called and none when the daemon ends") {
  FakeCaller caller([](const auto&, auto&, const auto&) { return success(); });
  CalledCode code(caller);
  NotedNeeds needs;
  const CallRequest request = a_request();

  CHECK(code.enter());
  CHECK_FALSE(code.enter());
  code.leave();
  CHECK(code.enter());
  CHECK_FALSE(code.end(1ms));
  CHECK_FALSE(code.run({.request = request}, needs));
  code.leave();
  CHECK(code.end(1ms));
  CHECK_FALSE(code.enter());
}

TEST_CASE("no two jobs of tests have one id") {
  FakeCaller caller([](const auto&, auto&, const auto&) { return success(); });
  CalledCode code(caller);

  const stepd::engine::JobId first = code.ids_above(curtain_up.wall);
  const stepd::engine::JobId second = code.ids_above(curtain_up.wall);
  const stepd::engine::JobId later = code.ids_above(curtain_up.wall + 1ms);

  CHECK(first < second);
  CHECK(second < later);
  CHECK(stepd::engine::created_at(first) == curtain_up.wall);
}
