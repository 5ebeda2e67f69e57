#include <catch2/catch.hpp>

#include "tests/rehearsal/coded_steps.hpp"

using namespace stepd::rehearsal;
using namespace stepd::rehearsal::testing;
using stepd::engine::JobWord;
using stepd::engine::JsonText;
using stepd::engine::StepBlob;

namespace {

const std::string two_sagas = R"({"steps":[{"id":"a","step":"saga"},{"id":"b","step":"saga"}]})";

PathResult played(const RehearsalSetting& setting, const std::string& path) {
  const Paths paths(*setting.job);
  return rehearse(setting, paths, paths.parse(path).value());
}

/// A book for each of the steps.
CodedSteps booked_in(Book& book, const std::vector<std::string>& steps) {
  CodedSteps code;
  for (const std::string& step : steps) code.by_step[step] = std::ref(book);
  return code;
}

}  // namespace

TEST_CASE("C7: real steps behind a barrier end every path as scripted ones do") {
  const std::string job = GENERATE(
      as<std::string>(), R"({"steps":[{"id":"a","step":"saga"},{"id":"b","step":"saga"}]})",
      R"({"steps":[{"id":"a","step":"saga"},{"id":"n","step":"plain"},{"id":"b","step":"saga"}]})",
      R"({"steps":[{"id":"a","step":"probed"},{"id":"n","step":"once"},
                   {"id":"b","step":"probed"}]})",
      R"({"steps":[{"id":"a","step":"saga"},{"id":"n","step":"plain","pivot":true},
                   {"id":"b","step":"saga"}]})",
      R"({"deadline":"5s","steps":[{"id":"a","step":"saga","timeout":"30s"},
                   {"id":"b","step":"saga","after":["a"]},
                   {"id":"n","step":"saga","after":["a"]}]})");
  Book book;
  CodedSteps code = booked_in(book, {"a", "n", "b"});
  const Rehearsed scripted = rehearse(setting_of(job));
  const Rehearsed rehearsed = rehearse(real(job, code));

  INFO(job);
  REQUIRE(rehearsed.results.size() == scripted.results.size());
  std::size_t succeeded = 0;
  for (std::size_t at = 0; at < rehearsed.results.size(); ++at) {
    const PathResult& result = rehearsed.results[at];
    CAPTURE(result.path, result.remarks);
    CHECK(result.path == scripted.results[at].path);
    CHECK(result.verdict <= Verdict::effect_stays);
    CHECK(result.ended == scripted.results[at].ended);
    succeeded += result.ended == JobWord::succeeded ? 1 : 0;
  }
  // Those that park past the pivot are brought to their end afterwards, the others are undone.
  CHECK(book.standing("a") >= succeeded);
  CHECK(book.standing("a") == book.standing("b"));
}

TEST_CASE("each path has idempotency keys of its own and each call of it the same") {
  Book book;
  CodedSteps code = booked_in(book, {"a", "b"});
  const RehearsalSetting setting = real(two_sagas, code);

  const PathResult first = played(setting, "a:crash_after_effect");
  const PathResult second = played(setting, "a:crash_after_effect");

  CHECK(first.verdict == Verdict::ok);
  CHECK(second.verdict == Verdict::ok);
  REQUIRE(code.called.size() == 6);
  CHECK(code.called[0] == code.called[1]);
  CHECK(code.called[3] == code.called[4]);
  CHECK(code.called[0] != code.called[3]);
  CHECK(book.standing("a") == 2);
}

TEST_CASE("what goes wrong before the effect goes wrong without the step's code") {
  struct Around {
    std::string path;
    std::size_t calls;
  };
  const auto around = GENERATE(values<Around>({{"all_well", 1},
                                               {"a:refused", 0},
                                               {"a:exhausted", 0},
                                               {"a:crash_before_effect", 1},
                                               {"a:crash_after_effect", 2},
                                               {"a:unknown", 2},
                                               {"a:timed_out", 3},
                                               {"a:failed", 1},
                                               {"a:unknown_then_refused", 1},
                                               {"a:cancelled", 1},
                                               {"a:cancelled_too_late", 1}}));
  Book book;
  CodedSteps code = booked_in(book, {"a", "b"});

  const PathResult result = played(real(two_sagas, code), around.path);

  CAPTURE(around.path, result.remarks);
  CHECK(result.verdict == Verdict::ok);
  CHECK(code.calls_of("a/execute") == around.calls);
  CHECK(result.code_calls == code.called.size());
  CHECK(book.standing("a") == (result.ended == JobWord::succeeded ? 1 : 0));
}

TEST_CASE("a cancelled call is asked to stop from its beginning and one too late never hears") {
  CodedSteps code;
  bool heard = false;
  code.by_step["a"] = [&](const StepCode::Call& call, CodeNeeds&) {
    heard = call.asked_to_stop;
    return success();
  };
  code.by_step["b"] = code.by_step["a"];

  const PathResult early = played(real(two_sagas, code), "b:cancelled");

  CHECK(early.verdict == Verdict::ok);
  CHECK(early.ended == JobWord::cancelled);
  bool heard_by_b = false;
  code.by_step["b"] = [&](const StepCode::Call& call, CodeNeeds&) {
    heard_by_b = heard_by_b || call.asked_to_stop;
    return success();
  };
  CHECK(played(real(two_sagas, code), "b:cancelled_too_late").ended == JobWord::cancelled);
  CHECK_FALSE(heard_by_b);
  static_cast<void>(played(real(two_sagas, code), "b:cancelled"));
  CHECK(heard_by_b);
}

TEST_CASE("A6: a step that refuses to be called again is at fault") {
  CodedSteps code;
  std::set<std::string> seen;
  code.by_step["a"] = [&](const StepCode::Call& call, CodeNeeds&) {
    const bool is_new = seen.insert(stepd::engine::to_text(call.request.id.job)).second;
    return is_new || call.request.phase != Phase::execute
               ? success()
               : answer(OutcomeKind::refused, "booked_before");
  };
  code.by_step["b"] = [](const StepCode::Call&, CodeNeeds&) { return success(); };

  const PathResult result = played(real(two_sagas, code), "a:crash_after_effect");

  CHECK(result.verdict == Verdict::step_at_fault);
  CHECK(result.remarks.at(0) ==
        "step \"a\": called again under the same key it does not succeed: refused (booked_before: "
        "in the test)");
  CHECK(played(real(two_sagas, code), "all_well").verdict == Verdict::ok);
}

TEST_CASE("a step that does not succeed where nothing was to go wrong is told before all else") {
  CodedSteps code;
  bool lacks_account = true;
  code.by_step["a"] = [&](const StepCode::Call& call, CodeNeeds&) {
    const bool executes = call.request.phase == Phase::execute;
    return executes && lacks_account ? answer(OutcomeKind::refused, "unknown_account") : success();
  };
  code.by_step["b"] = [](const StepCode::Call&, CodeNeeds&) { return success(); };

  const Rehearsed without = rehearse(real(two_sagas, code));
  lacks_account = false;
  const Rehearsed with = rehearse(real(two_sagas, code));

  CHECK(without.plain_run.find("already ends failed: step \"a\": it does not succeed: refused "
                               "(unknown_account: in the test). Mend that first") !=
        std::string::npos);
  CHECK(with.plain_run.empty());
}

TEST_CASE("a step that starts jobs is not blamed for what it makes of a test that runs none") {
  CodedSteps code;
  code.by_step["a"] = [](const StepCode::Call& call, CodeNeeds& needs) {
    if (call.request.phase != Phase::execute) return success();
    needs.refuse_job(call.request.step_index);
    return answer(OutcomeKind::failed, "job_refused");
  };
  code.by_step["b"] = [](const StepCode::Call&, CodeNeeds&) { return success(); };

  const Rehearsed rehearsed = rehearse(real(two_sagas, code));

  CHECK(rehearsed.results.at(0).verdict == Verdict::starts_jobs);
  CHECK(rehearsed.results.at(0).remarks ==
        std::vector<std::string>{"step \"a\" starts jobs of its own, and a test does not run jobs "
                                 "that steps start; give an output for it, then it is not called"});
  CHECK(rehearsed.plain_run.empty());
  for (const PathResult& result : rehearsed.results) CHECK(result.verdict <= Verdict::starts_jobs);
}

TEST_CASE("a step is at fault also beside one that starts jobs") {
  CodedSteps code;
  code.by_step["a"] = [](const StepCode::Call& call, CodeNeeds&) {
    const bool executes = call.request.phase == Phase::execute;
    return executes ? success() : answer(OutcomeKind::failed, "cannot_undo");
  };
  code.by_step["b"] = [](const StepCode::Call& call, CodeNeeds& needs) {
    if (call.request.phase != Phase::execute) return success();
    needs.refuse_job(call.request.step_index);
    return answer(OutcomeKind::failed, "job_refused");
  };

  const PathResult result = rehearse(real(two_sagas, code)).results.at(0);

  CHECK(result.verdict == Verdict::step_at_fault);
  const auto tells = [&](const char* what) {
    return std::ranges::any_of(result.remarks, [&](const std::string& remark) {
      return remark.find(what) != std::string::npos;
    });
  };
  CHECK(tells("starts jobs of its own"));
  CHECK(tells("cannot_undo"));
  CHECK(tells("what the test did is not all undone"));
}

TEST_CASE("A6: a step that returns something else when called again is remarked on once") {
  CodedSteps code;
  int calls = 0;
  code.by_step["a"] = [&](const StepCode::Call&, CodeNeeds&) {
    return success(R"({"n":)" + std::to_string(++calls) + "}");
  };
  code.by_step["b"] = [](const StepCode::Call&, CodeNeeds&) { return success(); };

  const Rehearsed rehearsed = rehearse(real(two_sagas, code));

  REQUIRE(rehearsed.remarks.size() == 1);
  CHECK(rehearsed.remarks[0].starts_with(
      "step \"a\" returns something else when it is called again under the same key: {\"n\":"));
  for (const PathResult& result : rehearsed.results) CHECK(result.verdict <= Verdict::parked);
}

TEST_CASE("C7: a compensation that cannot undo nothing is found") {
  CodedSteps code;
  std::set<std::string> done;
  code.by_step["a"] = [&](const StepCode::Call& call, CodeNeeds&) {
    const std::string job = stepd::engine::to_text(call.request.id.job);
    if (call.request.phase == Phase::execute) done.insert(job);
    return done.contains(job) ? success() : answer(OutcomeKind::failed, "nothing_there");
  };
  code.by_step["b"] = [](const StepCode::Call&, CodeNeeds&) { return success(); };

  const PathResult exhausted = played(real(two_sagas, code), "a:exhausted");

  CHECK(exhausted.verdict == Verdict::step_at_fault);
  CHECK(exhausted.remarks.at(0) ==
        "step \"a\": its compensation does not end well where no execute ran: failed "
        "(nothing_there: in the test)");
  CHECK(exhausted.remarks.at(1).starts_with("what the test did is not all undone"));
  CHECK(played(real(two_sagas, code), "a:failed").verdict == Verdict::ok);
}

TEST_CASE("A9: a probe that does not tell the truth is found") {
  CodedSteps code;
  const auto claim = GENERATE(OutcomeKind::succeeded, OutcomeKind::no_effect);
  code.by_step["a"] = [&](const StepCode::Call& call, CodeNeeds&) {
    if (call.request.phase != Phase::probe) return success();
    return claim == OutcomeKind::succeeded ? success() : answer(claim);
  };
  const RehearsalSetting setting = real(R"({"steps":[{"id":"a","step":"probed"}]})", code);

  const PathResult result = played(
      setting, claim == OutcomeKind::succeeded ? "a:unknown_no_effect" : "a:crash_after_effect");

  CHECK(result.verdict == Verdict::step_at_fault);
  CHECK(result.remarks.at(0).find("its probe says that it took") != std::string::npos);
}

TEST_CASE("a step that does not do its part is told with its own words") {
  CodedSteps code;
  Book book;
  code.by_step["a"] = std::ref(book);
  code.by_step["b"] = [](const StepCode::Call& call, CodeNeeds&) {
    return call.request.phase == Phase::execute ? answer(OutcomeKind::refused, "no_account")
                                                : success();
  };

  const Rehearsed rehearsed = rehearse(real(two_sagas, code));

  CHECK(rehearsed.results.front().verdict == Verdict::step_at_fault);
  CHECK(rehearsed.results.front().remarks.at(0) ==
        "step \"b\": it does not succeed: refused (no_account: in the test)");
  for (const PathResult& result : rehearsed.results) {
    CAPTURE(result.path, result.remarks);
    CHECK(result.verdict != Verdict::broken);
  }
  CHECK(book.standing("a") == 0);
}

TEST_CASE("what may work later and then does is no fault") {
  CodedSteps code;
  int calls = 0;
  code.by_step["a"] = [&](const StepCode::Call&, CodeNeeds&) {
    return ++calls == 1 ? answer(OutcomeKind::retry) : success();
  };
  code.by_step["b"] = [](const StepCode::Call&, CodeNeeds&) { return success(); };

  const PathResult result = played(real(two_sagas, code), "all_well");

  CHECK(result.verdict == Verdict::ok);
  CHECK(result.took > 500ms);
}

TEST_CASE("what may work later is no fault where nobody asked again") {
  CodedSteps code;
  std::map<std::string, int> calls;
  code.by_step["a"] = [&](const StepCode::Call& call, CodeNeeds&) {
    const bool is_first = ++calls[stepd::engine::to_text(call.request.id.job)] == 1;
    return is_first ? answer(OutcomeKind::retry) : success();
  };
  code.by_step["b"] = [](const StepCode::Call&, CodeNeeds&) { return success(); };
  const auto path = GENERATE(as<std::string>(), "a:failed", "a:timed_out", "a:cancelled_too_late",
                             "a:crash_after_effect", "b:failed");

  const PathResult result = played(real(two_sagas, code), path);

  CAPTURE(path, result.remarks);
  CHECK(result.verdict == Verdict::ok);
}

TEST_CASE("A3: a step whose attempts end without success is at fault") {
  CodedSteps code;
  code.by_step["a"] = [](const StepCode::Call& call, CodeNeeds&) {
    return call.request.phase == Phase::execute ? answer(OutcomeKind::retry, "not_yet") : success();
  };
  code.by_step["b"] = [](const StepCode::Call&, CodeNeeds&) { return success(); };

  const PathResult result = played(real(two_sagas, code), "all_well");

  CHECK(result.verdict == Verdict::step_at_fault);
  CHECK(result.remarks.at(0) == "step \"a\": it does not succeed: retry (not_yet: in the test)");
}

TEST_CASE("a step that asks again without end ends the path and is undone") {
  CodedSteps code;
  Book book;
  code.by_step["a"] = std::ref(book);
  code.by_step["n"] = [](const StepCode::Call&, CodeNeeds&) { return answer(OutcomeKind::retry); };
  const RehearsalSetting setting =
      real(R"({"steps":[{"id":"a","step":"saga"},{"id":"n","step":"plain"}]})", code);

  const PathResult result = played(setting, "all_well");

  CHECK(result.verdict == Verdict::step_at_fault);
  CHECK(result.remarks.at(0).starts_with("step \"n\" was called 150 times and has not ended"));
  CHECK(book.standing("a") == 0);
}

TEST_CASE("a call that does not return ends the test there") {
  Book book;
  CodedSteps code = booked_in(book, {"a", "b"});
  code.silent_at = "b/execute";

  const Rehearsed rehearsed = rehearse(real(two_sagas, code));

  REQUIRE(rehearsed.results.size() == 1);
  CHECK(rehearsed.paths > 30);
  CHECK(rehearsed.results[0].verdict == Verdict::step_at_fault);
  CHECK(rehearsed.results[0].remarks == std::vector<std::string>{"it does not return"});
  CHECK(rehearsed.cut_short == "it does not return");
}

TEST_CASE("a call that does not return when a path is tidied up ends the test too") {
  Book book;
  CodedSteps code = booked_in(book, {"a", "b"});
  code.silent_at = "a/compensate";

  const PathResult result = played(real(two_sagas, code), "b:failed,a.compensate:refused");

  CHECK(result.ended == JobWord::parked);
  CHECK(result.verdict == Verdict::step_at_fault);
  CHECK(result.remarks.at(0) == "it does not return");
  CHECK(result.remarks.at(1).starts_with("what the test did is not all undone"));
}

TEST_CASE("when the time for real steps is over no further path is begun") {
  Book book;
  CodedSteps code = booked_in(book, {"a", "b"});
  RehearsalSetting setting = real(two_sagas, code);
  stepd::engine::Now now = curtain_up;
  // Asked once at the beginning, then before each path and in it.
  setting.now = [&now] {
    now.steady += 1s;
    return now;
  };
  setting.real_time_max = 4s;

  const Rehearsed rehearsed = rehearse(setting);

  CHECK(rehearsed.results.size() == 2);
  CHECK(rehearsed.cut_short.starts_with("the steps took so long that the last "));
}

TEST_CASE("A10: what a call remembers its next call knows") {
  CodedSteps code;
  std::vector<std::string> found;
  code.by_step["a"] = [&](const StepCode::Call& call, CodeNeeds& needs) {
    for (const StepBlob& blob : needs.blobs(call.request.step_index)) {
      found.push_back(blob.key + "=" + blob.bytes);
    }
    const auto status = needs.save(call.request.id, StepBlob::Kind::memo, "ticket", "17");
    CHECK(status == stepd::engine::BlobStatus::stored);
    return success();
  };
  code.by_step["b"] = [](const StepCode::Call&, CodeNeeds&) { return success(); };

  const PathResult result = played(real(two_sagas, code), "a:crash_after_effect");

  CHECK(result.verdict == Verdict::ok);
  CHECK(found == std::vector<std::string>{"ticket=17"});
}

TEST_CASE("W1: an event that a step sends wakes the step that waits for it") {
  CodedSteps code;
  code.by_step["a"] = [](const StepCode::Call& call, CodeNeeds& needs) {
    const auto sent = needs.send(
        call.request.id,
        {.tenant = call.request.tenant, .id = "e1", .key = "done", .data = JsonText("7")});
    CHECK(std::holds_alternative<stepd::runtime::EventAccepted>(sent));
    return success();
  };
  std::string told;
  code.by_step["b"] = [&](const StepCode::Call& call, CodeNeeds&) {
    if (call.request.ended_waits.empty()) {
      Outcome waits{.kind = OutcomeKind::suspended};
      waits.wait = stepd::engine::Wait{.key = "done", .takes_event = true};
      return waits;
    }
    told = call.request.ended_waits[0].event->data.text();
    return success();
  };

  const PathResult result = played(real(two_sagas, code), "all_well");

  CAPTURE(result.remarks);
  CHECK(result.verdict == Verdict::ok);
  CHECK(told == "7");
}

TEST_CASE("W1: a step that waits for what nobody sends is told and the job is undone") {
  Book book;
  CodedSteps code = booked_in(book, {"a"});
  code.by_step["b"] = [](const StepCode::Call& call, CodeNeeds&) {
    if (call.request.phase == Phase::compensate) return success();
    Outcome waits{.kind = OutcomeKind::suspended};
    waits.wait = stepd::engine::Wait{.key = "approval", .takes_event = true};
    return waits;
  };

  const PathResult result = played(real(two_sagas, code), "all_well");

  CHECK(result.verdict == Verdict::waits);
  CHECK(result.remarks.at(0).starts_with("step \"b\" waits for the event \"approval\""));
  CHECK(book.standing("a") == 0);
}

TEST_CASE("what a path leaves parked is tried again when it has been judged") {
  Book book;
  CodedSteps code = booked_in(book, {"a", "b"});

  const PathResult result = played(real(two_sagas, code), "b:failed,a.compensate:refused");

  CHECK(result.verdict == Verdict::parked);
  CHECK(result.ended == JobWord::parked);
  CHECK(code.calls_of("a/compensate") == 1);
  CHECK(book.standing("a") == 0);
}

TEST_CASE("steps that are not real are played by the script and calls can be counted alone") {
  Book book;
  CodedSteps code = booked_in(book, {"a", "b"});
  RehearsalSetting setting = real(two_sagas, code);
  setting.real.erase(1);
  RehearsalSetting counted = setting;
  counted.code = nullptr;

  const Rehearsed rehearsed = rehearse(setting);
  const std::size_t called = code.called.size();
  const Rehearsed count = rehearse(counted);

  CHECK(called > 20);
  CHECK(code.calls_of("b/execute") == 0);
  CHECK(code.called.size() == called);
  std::uint64_t expected = 0;
  for (const PathResult& result : count.results) expected += result.code_calls;
  CHECK(expected == called);
}

TEST_CASE("a path whose compensation does not come to run is judged by its first part") {
  const RehearsalSetting setting =
      setting_of(R"({"steps":[{"id":"a","step":"saga"},{"id":"b","step":"saga"}]})");

  const PathResult result = played(setting, "a:refused,b.compensate:refused");

  CHECK(result.path == "a:refused,b.compensate:refused");
  CHECK(result.verdict == Verdict::ok);
  CHECK(result.remarks ==
        std::vector<std::string>{"the compensation that was to go wrong did not run"});
}
