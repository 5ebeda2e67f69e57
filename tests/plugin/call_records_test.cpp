#include <catch2/catch.hpp>

#include "host/plugin/borrowed.hpp"
#include "tests/plugin/rehearsal.hpp"

using namespace stepd;
using namespace stepd::plugin;
using engine::OutcomeKind;
using engine::Phase;

TEST_CASE("a call that asks for no record costs no read") {
  Rehearsal rehearsal;
  rehearsal.request.has_blobs = true;
  static_cast<void>(rehearsal.run([](stepd_context*) { return STEPD_SUCCEEDED; }));
  CHECK(rehearsal.ports.reads == 0);

  rehearsal.request.has_blobs = false;
  static_cast<void>(rehearsal.run([](stepd_context* context) {
    stepd_str bytes{};
    CHECK(context->host->memo_load(context, STEPD_PHASE_EXECUTE, lend("k"), &bytes) == STEPD_NONE);
    CHECK(context->host->checkpoint_save(context, lend("x")) == STEPD_OK);
    CHECK(context->host->checkpoint_load(context, STEPD_PHASE_EXECUTE, &bytes) == STEPD_OK);
    CHECK(view(bytes) == "x");
    return STEPD_SUCCEEDED;
  }));
  CHECK(rehearsal.ports.reads == 0);
  CHECK(rehearsal.ports.saves == 1);
}

TEST_CASE("A10: what is on record is read once and the first write of a memo wins") {
  using Kind = engine::StepBlob::Kind;
  Rehearsal rehearsal;
  rehearsal.request.phase = Phase::compensate;
  rehearsal.request.has_blobs = true;
  rehearsal.ports.on_record = {
      {.kind = Kind::checkpoint, .phase = Phase::execute, .bytes = "half"},
      {.kind = Kind::memo, .phase = Phase::execute, .key = "k", .bytes = "of execute"},
      {.kind = Kind::memo, .phase = Phase::compensate, .key = "k", .bytes = "mine"},
      {.kind = Kind::memo, .phase = Phase::probe, .key = "k", .bytes = "of the probe"}};

  static_cast<void>(rehearsal.run([](stepd_context* context) {
    const auto* host = context->host;
    stepd_str bytes{};
    CHECK(host->memo_save(context, lend("k"), lend("late")) == STEPD_NONE);
    CHECK(host->memo_load(context, STEPD_PHASE_COMPENSATE, lend("k"), &bytes) == STEPD_OK);
    CHECK(view(bytes) == "mine");
    CHECK(host->memo_load(context, STEPD_PHASE_EXECUTE, lend("k"), &bytes) == STEPD_OK);
    CHECK(view(bytes) == "of execute");
    CHECK(host->memo_load(context, STEPD_PHASE_PROBE, lend("k"), &bytes) == STEPD_INVALID);
    CHECK(host->memo_load(context, 77, lend("k"), &bytes) == STEPD_INVALID);
    CHECK(host->checkpoint_load(context, STEPD_PHASE_EXECUTE, &bytes) == STEPD_OK);
    CHECK(view(bytes) == "half");
    CHECK(host->checkpoint_load(context, STEPD_PHASE_COMPENSATE, &bytes) == STEPD_NONE);
    return STEPD_SUCCEEDED;
  }));

  CHECK(rehearsal.ports.reads == 1);
  CHECK(rehearsal.ports.saves == 0);
}

TEST_CASE("A10: a call that is fenced stores nothing and is told so") {
  Rehearsal rehearsal;
  rehearsal.ports.fenced = true;

  static_cast<void>(rehearsal.run([](stepd_context* context) {
    const auto* host = context->host;
    stepd_str bytes{};
    CHECK(host->memo_save(context, lend("k"), lend("v")) == STEPD_FENCED);
    CHECK(host->memo_load(context, STEPD_PHASE_EXECUTE, lend("k"), &bytes) == STEPD_NONE);
    CHECK(host->checkpoint_save(context, lend("v")) == STEPD_FENCED);
    CHECK(host->checkpoint_load(context, STEPD_PHASE_EXECUTE, &bytes) == STEPD_NONE);
    return STEPD_SUCCEEDED;
  }));

  CHECK(rehearsal.ports.kept.empty());
}

TEST_CASE("records over a limit and without a key are refused") {
  static_cast<void>(Rehearsal{}.run([](stepd_context* context) {
    const auto* host = context->host;
    const std::string much((1U << 20U) + 1, 'x');
    CHECK(host->checkpoint_save(context, lend(much)) == STEPD_TOO_BIG);
    CHECK(host->memo_save(context, lend("k"), lend(much)) == STEPD_TOO_BIG);
    CHECK(host->memo_save(context, lend(std::string(201, 'k')), lend("v")) == STEPD_TOO_BIG);
    CHECK(host->memo_save(context, {}, lend("v")) == STEPD_INVALID);
    CHECK(host->memo_save(context, lend("\xFF"), lend("v")) == STEPD_INVALID);
    CHECK(host->memo_save(context, lend("k"), {nullptr, 1}) == STEPD_INVALID);
    return STEPD_SUCCEEDED;
  }));
}

TEST_CASE("trouble behind the host is an answer and no exception") {
  Rehearsal rehearsal;
  rehearsal.request.has_blobs = true;
  rehearsal.ports.trouble = "the disk is gone";

  const auto outcome = rehearsal.run([](stepd_context* context) {
    stepd_str bytes{};
    const auto* host = context->host;
    CHECK(host->checkpoint_load(context, STEPD_PHASE_EXECUTE, &bytes) == STEPD_UNAVAILABLE);
    return STEPD_RETRY;
  });

  CHECK(outcome.kind == OutcomeKind::retry);
}
