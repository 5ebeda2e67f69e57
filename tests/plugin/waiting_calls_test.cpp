#include <catch2/catch.hpp>

#include "tests/plugin/rehearsal.hpp"

/// What a call may ask of the host about waits, events and jobs of its own.

using namespace stepd;
using namespace stepd::plugin;
using std::chrono::milliseconds;

TEST_CASE("W1: a wait for an event has its key and may have a time") {
  const engine::TimePoint now = KeptPorts::start().wall;
  const stepd_str key{"approval", 8};

  const auto bounded = Rehearsal{}.run([key](stepd_context* context) {
    CHECK(context->host->suspend_for_event(context, {"", 0}, 5) == STEPD_INVALID);
    CHECK(context->host->suspend_for_event(context, key, -2) == STEPD_INVALID);
    CHECK(context->host->suspend_for_event(context, key, 5000) == STEPD_OK);
    return STEPD_SUSPENDED;
  });
  const auto unbounded = Rehearsal{}.run([key](stepd_context* context) {
    CHECK(context->host->suspend_for_event(context, key, -1) == STEPD_OK);
    return STEPD_SUSPENDED;
  });

  const engine::Due due{now + milliseconds(5000), milliseconds(5000)};
  CHECK(bounded.wait == engine::Wait{.due = due, .key = "approval", .takes_event = true});
  CHECK(unbounded.wait == engine::Wait{.key = "approval", .takes_event = true});
}

TEST_CASE("W2: a call is told how each of its waits for a key ended") {
  Rehearsal rehearsal;
  engine::TakenEvent event{
      .number = {1}, .id = "e\"1", .key = "k", .data = engine::JsonText("[1]")};
  event.at = engine::TimePoint(milliseconds(5));
  rehearsal.request.ended_waits = {{engine::Phase::execute, "k", std::nullopt},
                                   {engine::Phase::execute, "other", std::nullopt},
                                   {engine::Phase::execute, "k", event}};

  static_cast<void>(rehearsal.run([](stepd_context* context) {
    const stepd_str key{"k", 1};
    stepd_str text{};
    CHECK(context->host->wait_result(context, key, 0, &text) == STEPD_TIMED_OUT);
    REQUIRE(context->host->wait_result(context, key, 1, &text) == STEPD_OK);
    CHECK(std::string(text.ptr, text.len) ==
          R"({"id":"e\"1","key":"k","data":[1],"at_unix_ms":5})");
    CHECK(context->host->wait_result(context, key, 2, &text) == STEPD_NONE);
    return STEPD_SUCCEEDED;
  }));
}

TEST_CASE("W2: an event that a call sends is judged before it leaves and answered when kept") {
  Rehearsal rehearsal;
  static_cast<void>(rehearsal.run([&](stepd_context* context) {
    const stepd_str key{"k", 1};
    const stepd_str broken{"{", 1};
    const stepd_str data{"[1]", 3};
    CHECK(context->host->send_event(context, key, {"", 0}, data) == STEPD_INVALID);
    CHECK(context->host->send_event(context, key, key, broken) == STEPD_INVALID);
    CHECK(context->host->send_event(context, key, key, data) == STEPD_OK);
    rehearsal.ports.send_status = SendStatus::id_taken;
    CHECK(context->host->send_event(context, key, key, data) == STEPD_NONE);
    return STEPD_SUCCEEDED;
  }));
  REQUIRE(rehearsal.ports.sent.size() == 2);
  CHECK(rehearsal.ports.sent[0].data.view() == "[1]");
}

TEST_CASE("W3: what a call spawns goes with a success or a suspension and with nothing else") {
  const auto [answer, jobs] = GENERATE(table<stepd_outcome, std::size_t>(
      {{STEPD_SUCCEEDED, 2}, {STEPD_SUSPENDED, 2}, {STEPD_RETRY, 0}, {STEPD_FAILED, 0}}));

  const auto outcome = Rehearsal{}.run([answer = answer](stepd_context* context) {
    const stepd_host_calls& host = *context->host;
    const stepd_str job{"{\"steps\":1}", 11};
    stepd_str refusal{};
    CHECK(host.spawn(context, {"bad", 3}, {"{}", 2}, &refusal) == STEPD_INVALID);
    CHECK(std::string(refusal.ptr, refusal.len) == "/steps: is missing");
    CHECK(host.children_open(context) == 0);
    CHECK(host.spawn(context, {"a", 1}, job, &refusal) == STEPD_OK);
    CHECK(host.spawn(context, {"b", 1}, job, &refusal) == STEPD_OK);
    CHECK(host.spawn(context, {"a", 1}, job, &refusal) == STEPD_OK);
    CHECK(host.children_open(context) == 1);
    CHECK(host.checkpoint_with_answer(context, {"here", 4}) == STEPD_OK);
    CHECK(host.suspend_for_children(context) == STEPD_OK);
    return answer;
  });

  CHECK(outcome.spawns.size() == jobs);
  CHECK(outcome.checkpoint.has_value() == (jobs != 0));
}

TEST_CASE("W3: a compensation undoes jobs of its step and is told which it need not") {
  Rehearsal rehearsal;
  rehearsal.request.phase = engine::Phase::compensate;
  rehearsal.ports.undos = {{"a", std::make_shared<const engine::DerivedJob>()},
                           {"plain", NothingToUndo{}},
                           {"done", UndoneAlready{}},
                           {"stuck", std::string("it is past its point of no return")}};

  const auto outcome = rehearsal.run([](stepd_context* context) {
    const stepd_host_calls& host = *context->host;
    stepd_str text{};
    CHECK(host.children_open(context) == 0);
    CHECK(host.undo_child(context, {"plain", 5}, &text) == STEPD_NONE);
    CHECK(host.undo_child(context, {"done", 4}, &text) == STEPD_OK);
    CHECK(host.children_open(context) == 0);
    CHECK(host.undo_child(context, {"stuck", 5}, &text) == STEPD_INVALID);
    CHECK(std::string(text.ptr, text.len) == "it is past its point of no return");
    CHECK(host.undo_child(context, {"a", 1}, &text) == STEPD_OK);
    CHECK(host.undo_child(context, {"a", 1}, &text) == STEPD_OK);
    CHECK(host.children_open(context) == 1);
    CHECK(host.child_undo(context, {"x", 1}, &text) == STEPD_NONE);
    REQUIRE(host.child_undo(context, {"a", 1}, &text) == STEPD_OK);
    CHECK(std::string(text.ptr, text.len).find(R"("state":null)") != std::string::npos);
    return STEPD_SUCCEEDED;
  });

  REQUIRE(outcome.spawns.size() == 1);
  CHECK(outcome.spawns[0].key == "undo:a");
  CHECK(outcome.spawns[0].undo);
}

TEST_CASE("W3: only a compensation undoes jobs and no job is named as an undo") {
  const auto outcome = Rehearsal{}.run([](stepd_context* context) {
    const stepd_host_calls& host = *context->host;
    stepd_str text{};
    CHECK(host.undo_child(context, {"a", 1}, &text) == STEPD_INVALID);
    CHECK(std::string(text.ptr, text.len) == "only compensate undoes jobs");
    CHECK(host.spawn(context, {"undo:a", 6}, {"{\"steps\":1}", 11}, &text) == STEPD_INVALID);
    CHECK(std::string(text.ptr, text.len).find("undo:") != std::string::npos);
    return STEPD_SUCCEEDED;
  });

  CHECK(outcome.spawns.empty());
}

TEST_CASE("W3: a call reads the jobs that its step has started as they are on disk") {
  Rehearsal rehearsal;
  rehearsal.request.has_children = true;
  rehearsal.ports.children = {{.key = "a",
                               .job = {7},
                               .number = 1,
                               .outcome = engine::ChildOutcome{.output = engine::JsonText("[1]")}},
                              {.key = "b", .job = {8}, .number = 0, .outcome = {}}};

  const auto outcome = rehearsal.run([](stepd_context* context) {
    const stepd_host_calls& host = *context->host;
    stepd_str text{};
    REQUIRE(host.child_result(context, {"a", 1}, &text) == STEPD_OK);
    const auto told = std::string(text.ptr, text.len);
    CHECK(told.find(R"("number":1,"state":"succeeded","output":[1],"error":null)") != told.npos);
    CHECK(host.child_result(context, {"x", 1}, &text) == STEPD_NONE);
    REQUIRE(host.settled_children(context, 0, &text) == STEPD_OK);
    CHECK(std::string(text.ptr, text.len).find(R"("key":"b")") == std::string::npos);
    CHECK(host.spawn(context, {"a", 1}, {"{}", 2}, &text) == STEPD_OK);  // there already
    return STEPD_SUCCEEDED;
  });
  CHECK(outcome.spawns.empty());
}
