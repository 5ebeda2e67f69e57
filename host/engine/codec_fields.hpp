#pragma once

#include "host/engine/codec_bytes.hpp"
#include "host/engine/definition.hpp"
#include "host/engine/usage.hpp"
#include "host/engine/wait.hpp"

/// How definitions, and what journal entries and messages share, are laid out; for the codecs. The
/// order of fields is the format: a change here is a new format version. Each struct is taken apart
/// by name, so that a field added to it does not compile until it has its place on record.
namespace stepd::engine {

template <class A>
void fields(A& archive, typename A::template Field<RetryOverrides> overrides) {
  auto& [attempts_max, initial, max, multiplier, jitter] = overrides;
  archive.optionals(attempts_max, initial, max, multiplier, jitter);
}

/// Policies are kept as what differs from this one. It belongs to the format and stays as it is
/// when the host's defaults change.
inline constexpr RetryPolicy policy_baseline{.attempts_max = 0,
                                             .initial = std::chrono::seconds(1),
                                             .max = std::chrono::minutes(5),
                                             .multiplier = 2.0,
                                             .jitter = 0.2};

template <class A>
void fields(A& archive, typename A::template Field<Usage> usage) {
  auto& [waited, ran, cpu, memory_kib] = usage;
  archive.optionals(waited, ran, cpu, memory_kib);
}

inline void fields(codec::Writer& writer, const RetryPolicy& policy) {
  const auto differing = [](const auto& value, const auto& baseline) {
    return value == baseline ? std::nullopt : std::optional(value);
  };
  const auto& [attempts_max, initial, max, multiplier, jitter] = policy;
  writer.optionals(differing(attempts_max, policy_baseline.attempts_max),
                   differing(initial, policy_baseline.initial), differing(max, policy_baseline.max),
                   differing(multiplier, policy_baseline.multiplier),
                   differing(jitter, policy_baseline.jitter));
}

inline void fields(codec::Reader& reader, RetryPolicy& policy) {
  RetryOverrides differing;
  reader(differing);
  policy = merged(policy_baseline, {}, differing);
}

template <class A>
void fields(A& archive, typename A::template Field<StepTypeSnapshot> snapshot) {
  auto& [version, kind, offers_probe, not_repeatable, retry, compensate_retry, timeout, heartbeat,
         compensate_timeout, build] = snapshot;
  archive(version, kind);
  archive.flags_and(build, offers_probe, not_repeatable);
  archive(retry, compensate_retry, timeout, heartbeat, compensate_timeout);
}

template <class A>
void fields(A& archive, typename A::template Field<StepDefinition> step) {
  auto& [id, type, args, args_have_references, after, pivot, retry, compensate_retry, timeout,
         heartbeat, compensate_timeout, snapshot] = step;
  archive(id, type, args);
  archive.flags(args_have_references, pivot);
  archive(after, retry, compensate_retry);
  archive.optionals(timeout, heartbeat, compensate_timeout, snapshot);
}

template <class A>
void fields(A& archive, typename A::template Field<ParentLink> link) {
  auto& [job, step, key] = link;
  archive(job, step, key);
}

template <class A>
void fields(A& archive, typename A::template Field<JobDefinition> job) {
  // What later versions add stands behind the rest, where decode_definition looks for it.
  auto& [name, tenant, key, args, output, deadline, steps, priority, origin, parent, pin] = job;
  archive(name, tenant, key, args, output, deadline, steps);
}

template <class A>
void fields(A& archive, typename A::template Field<KeptStep> kept) {
  auto& [step, job] = kept;
  archive(step, job);
}

template <class A>
void fields(A& archive, typename A::template Field<Origin> origin) {
  auto& [kind, job, from, kept] = origin;
  archive(kind, job, from, kept);
}

template <class A>
void fields(A& archive, typename A::template Field<Error> error) {
  auto& [code, message, details] = error;
  archive(code, message, details);
}

template <class A>
void fields(A& archive, typename A::template Field<Due> due) {
  auto& [at, span] = due;
  archive(at, span);
}

template <class A>
void fields(A& archive, typename A::template Field<ChildWait> wait) {
  auto& [until, seen] = wait;
  archive(until, seen);
}

template <class A>
void fields(A& archive, typename A::template Field<Wait> wait) {
  auto& [due, key, takes_event, children] = wait;
  archive.optionals(due, children);
  archive(key);
  archive.flags(takes_event);
}

template <class A>
void fields(A& archive, typename A::template Field<EventNumber> number) {
  auto& [value] = number;
  archive(value);
}

template <class A>
void fields(A& archive, typename A::template Field<TakenEvent> event) {
  auto& [number, id, key, data, at] = event;
  archive(number, id, key, data, at);
}

template <class A>
void fields(A& archive, typename A::template Field<EndedWait> ended) {
  auto& [phase, key, event] = ended;
  archive(phase, key);
  archive.optionals(event);
}

}  // namespace stepd::engine
