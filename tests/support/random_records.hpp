#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "host/engine/definition.hpp"
#include "host/engine/entry.hpp"
#include "tests/support/chance.hpp"

namespace stepd::tests {

/// Definitions and entries with everything in them that the types allow, sense apart.
class RandomRecords {
 public:
  explicit RandomRecords(std::uint64_t seed) : chance_(seed) {}

  engine::JobDefinition definition() {
    engine::JobDefinition job{.name = text(),
                              .tenant = text(),
                              .key = text(),
                              .args = json(),
                              .output = json(),
                              .deadline = maybe_span(),
                              .steps = {}};
    const std::uint64_t steps = chance_.below(6);
    for (std::uint64_t index = 0; index < steps; ++index) job.steps.push_back(step(steps));
    if (chance_.coin()) {
      job.parent = {engine::JobId{static_cast<std::int64_t>(chance_.number() >> 1U)}, small(),
                    text()};
    }
    if (chance_.coin()) job.pin = any_of(engine::Pin::latest);
    if (chance_.coin()) job.priority = static_cast<std::int32_t>(small() % 201) - 100;
    if (chance_.coin()) job.origin = origin(steps);
    return job;
  }

  engine::StepTypeSnapshot snapshot() {
    return {.version = small(),
            .kind = any_of(engine::StepKind::saga),
            .offers_probe = chance_.coin(),
            .not_repeatable = chance_.coin(),
            .retry = policy(),
            .compensate_retry = policy(),
            .timeout = span(),
            .heartbeat = span(),
            .compensate_timeout = span(),
            .build = chance_.coin() ? std::optional(engine::ModuleHash{chance_.number()})
                                    : std::nullopt};
  }

  /// An entry of the alternative with this index.
  engine::Entry entry(std::size_t alternative) {
    return of_alternative<engine::Entry>(alternative);
  }
  engine::StepCondition condition(std::size_t alternative) {
    return of_alternative<engine::StepCondition>(alternative);
  }
  std::vector<engine::Entry> entries() {
    std::vector<engine::Entry> made;
    for (std::uint64_t count = chance_.below(5); count > 0; --count) {
      made.push_back(entry(chance_.below(std::variant_size_v<engine::Entry>)));
    }
    return made;
  }

  Chance& chance() { return chance_; }

 private:
  template <class Variant>
  Variant of_alternative(std::size_t wanted) {
    return [&]<std::size_t... Indexes>(std::index_sequence<Indexes...>) {
      Variant made;
      ((Indexes == wanted ? fill(made.template emplace<Indexes>()) : void()), ...);
      return made;
    }
    (std::make_index_sequence<std::variant_size_v<Variant>>());
  }

  // One for each alternative that holds something; the empty ones need nothing.
  template <class Empty>
  requires std::is_empty_v<Empty>
  void fill(Empty&) {}
  void fill(engine::Running& to) { to.call = chance_.number(); }
  void fill(engine::Stopping& to) {
    to = {.call = chance_.number(), .cause = any_of(engine::StopCause::shutdown)};
  }
  void fill(engine::Retrying& to) { to.due = due(); }
  void fill(engine::Suspended& to) {
    to.wait = {.due = {}, .key = text(), .takes_event = chance_.coin(), .children = {}};
    if (chance_.coin()) to.wait.due = due();
    if (chance_.coin()) {
      to.wait.children = {any_of(engine::ChildWait::Until::another_settled), small()};
    }
  }
  void fill(engine::Parked& to) {
    to = {.reason = any_of(engine::ParkReason::not_stored), .error = error()};
  }
  void fill(engine::Abandoned& to) {
    to = {.reason = any_of(engine::AbandonReason::turned_back), .error = error()};
  }
  void fill(engine::SnapshotCompleted& to) { to = {.step = small(), .snapshot = snapshot()}; }
  void fill(engine::ArgumentsResolved& to) { to = {.step = small(), .args = json()}; }
  void fill(engine::CallStarted& to) {
    to = {.step = small(),
          .phase = any_of(engine::Phase::compensate),
          .call = chance_.number(),
          .attempt = small(),
          .calls = small(),
          .version = small(),
          .module = {chance_.bits()}};
  }
  void fill(engine::CallEnded& to) {
    to = {.step = small(),
          .call = chance_.number(),
          .outcome = any_of(engine::OutcomeKind::interrupted),
          .output = json(),
          .error = error(),
          .used = usage()};
  }
  void fill(engine::StepMoved& to) {
    to = {.step = small(),
          .phase = any_of(engine::Phase::compensate),
          .effect = any_of(engine::Effect::done),
          .attempts = small(),
          .in_doubt = chance_.coin(),
          .resuming = chance_.coin(),
          .crashes_in_row = small(),
          .to = condition(chance_.below(std::variant_size_v<engine::StepCondition>)),
          .output = json()};
  }
  void fill(engine::AttentionRaised& to) { to.step = small(); }
  void fill(engine::TurnedBack& to) { to.cause = cause(); }
  void fill(engine::CancelNoted& to) { to.cause = cause(); }
  void fill(engine::OperatorActed& to) {
    to = {.verb = text(), .request_id = text(), .actor = text(), .reason = text(), .step = {}};
    if (chance_.coin()) to.step = small();
    if (chance_.coin()) to.content.bytes = std::string(32, static_cast<char>(chance_.below(256)));
  }
  void fill(engine::ChildrenSpawned& to) { to = {.step = small(), .count = small()}; }
  void fill(engine::ChildrenSettled& to) {
    to = {.step = small(), .spawned = small(), .settled = small(), .unsuccessful = small()};
  }
  void fill(engine::WaitEnded& to) {
    to = {.step = small(),
          .as = {.phase = any_of(engine::Phase::compensate), .key = text(), .event = {}}};
    if (chance_.coin()) return;
    to.as.event = {.number = {chance_.number()},
                   .id = text(),
                   .key = text(),
                   .data = json(),
                   .at = engine::TimePoint(span())};
  }
  void fill(engine::PriorityChanged& to) { to.priority = static_cast<std::int32_t>(small()); }
  void fill(engine::BuildBound& to) { to = {.step = small(), .module = {chance_.number()}}; }
  void fill(engine::Settled& to) { to.state = any_of(engine::SettledState::discarded); }

  engine::Origin origin(std::uint64_t steps) {
    engine::Origin made{.kind = any_of(engine::Origin::Kind::undo),
                        .job = {static_cast<std::int64_t>(chance_.number() >> 1U)},
                        .from = text(),
                        .kept = {}};
    for (std::uint64_t index = 0; index < steps; ++index) {
      if (chance_.coin()) {
        made.kept.push_back({static_cast<engine::StepIndex>(index),
                             {static_cast<std::int64_t>(chance_.number() >> 1U)}});
      }
    }
    return made;
  }

  engine::StepDefinition step(std::uint64_t steps) {
    engine::StepDefinition made{.id = text(),
                                .type = text(),
                                .args = json(),
                                .args_have_references = chance_.coin(),
                                .after = {},
                                .pivot = chance_.coin(),
                                .retry = overrides(),
                                .compensate_retry = overrides(),
                                .timeout = maybe_span(),
                                .heartbeat = maybe_span(),
                                .compensate_timeout = maybe_span(),
                                .snapshot = {}};
    for (std::uint64_t count = chance_.below(3); count > 0; --count) {
      made.after.push_back(static_cast<engine::StepIndex>(chance_.below(steps)));
    }
    if (chance_.coin()) made.snapshot = snapshot();
    return made;
  }
  engine::RetryOverrides overrides() {
    engine::RetryOverrides made{.attempts_max = {},
                                .initial = maybe_span(),
                                .max = maybe_span(),
                                .multiplier = {},
                                .jitter = {}};
    if (chance_.coin()) made.attempts_max = small();
    if (chance_.coin()) made.multiplier = fraction();
    if (chance_.coin()) made.jitter = fraction();
    return made;
  }
  engine::RetryPolicy policy() { return engine::merged({}, overrides(), overrides()); }
  engine::Error error() { return {.code = text(), .message = text(), .details = json()}; }
  engine::Cause cause() {
    return {.kind = any_of(engine::Cause::Kind::undo), .step = small(), .error = error()};
  }
  engine::Usage usage() {
    engine::Usage used{.waited = maybe_span(), .ran = maybe_span(), .cpu = maybe_span()};
    if (chance_.coin()) used.memory_kib = chance_.number();
    return used;
  }
  engine::Due due() { return {.at = engine::TimePoint(span()), .span = span()}; }

  /// Any bytes at all, zero and invalid UTF-8 among them.
  std::string text() {
    std::string made;
    const std::uint64_t length = chance_.below(8) == 0 ? chance_.below(300) : chance_.below(9);
    for (std::uint64_t place = 0; place < length; ++place) {
      made.push_back(static_cast<char>(chance_.below(256)));
    }
    return made;
  }
  engine::JsonText json() { return engine::JsonText(text()); }
  std::uint32_t small() { return static_cast<std::uint32_t>(chance_.number()); }
  double fraction() { return static_cast<double>(chance_.below(1'000'000)) / 1024.0; }
  engine::Duration span() {
    const auto size = static_cast<std::int64_t>(chance_.number() >> 1U);
    return engine::Duration(chance_.coin() ? size : -size);
  }
  std::optional<engine::Duration> maybe_span() {
    return chance_.coin() ? std::optional(span()) : std::nullopt;
  }
  template <class Enum>
  Enum any_of(Enum last) {
    return static_cast<Enum>(chance_.below(static_cast<std::uint64_t>(last) + 1));
  }

  Chance chance_;
};

}  // namespace stepd::tests
