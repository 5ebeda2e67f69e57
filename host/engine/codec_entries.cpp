#include <algorithm>

#include "host/engine/codec.hpp"
#include "host/engine/codec_bytes.hpp"
#include "host/engine/codec_fields.hpp"

/// How journal entries are laid out. An alternative's tag is its place in its variant. The order of
/// fields is the format: a change here is a new format version.
namespace stepd::engine {

template <class A>
void fields(A& archive, typename A::template Field<Cause> cause) {
  auto& [kind, step, error] = cause;
  archive(kind, step, error);
}

template <class A>
void fields(A& archive, typename A::template Field<Running> running) {
  auto& [call] = running;
  archive(call);
}

template <class A>
void fields(A& archive, typename A::template Field<Stopping> stopping) {
  auto& [call, cause] = stopping;
  archive(call, cause);
}

template <class A>
void fields(A& archive, typename A::template Field<Retrying> retrying) {
  auto& [due] = retrying;
  archive(due);
}

template <class A>
void fields(A& archive, typename A::template Field<Suspended> suspended) {
  auto& [wait] = suspended;
  archive(wait);
}

template <class A>
void fields(A& archive, typename A::template Field<WaitEnded> entry) {
  auto& [step, as] = entry;
  archive(step, as);
}

template <class A>
void fields(A& archive, typename A::template Field<Parked> parked) {
  auto& [reason, error] = parked;
  archive(reason, error);
}

template <class A>
void fields(A& archive, typename A::template Field<Abandoned> abandoned) {
  auto& [reason, error] = abandoned;
  archive(reason, error);
}

template <class A>
void fields(A& archive, typename A::template Field<SnapshotCompleted> entry) {
  auto& [step, snapshot] = entry;
  archive(step, snapshot);
}

template <class A>
void fields(A& archive, typename A::template Field<ArgumentsResolved> entry) {
  auto& [step, args] = entry;
  archive(step, args);
}

template <class A>
void fields(A& archive, typename A::template Field<CallStarted> entry) {
  auto& [step, phase, call, attempt, calls, version, module] = entry;
  archive(step, phase, call, attempt, calls, version, module);
}

template <class A>
void fields(A& archive, typename A::template Field<CallEnded> entry) {
  auto& [step, call, outcome, output, error, used] = entry;
  archive(step, call, outcome, output, error);
  archive.since(3, used);
}

template <class A>
void fields(A& archive, typename A::template Field<StepMoved> entry) {
  auto& [step, phase, effect, attempts, in_doubt, resuming, crashes_in_row, to, output] = entry;
  archive(step, phase, effect, attempts);
  archive.flags(in_doubt, resuming);
  archive(crashes_in_row, to, output);
}

template <class A>
void fields(A& archive, typename A::template Field<AttentionRaised> entry) {
  auto& [step] = entry;
  archive(step);
}

template <class A>
void fields(A& archive, typename A::template Field<TurnedBack> entry) {
  auto& [cause] = entry;
  archive(cause);
}

template <class A>
void fields(A& archive, typename A::template Field<CancelNoted> entry) {
  auto& [cause] = entry;
  archive(cause);
}

template <class A>
void fields(A& archive, typename A::template Field<ContentHash> hash) {
  auto& [bytes] = hash;
  archive(bytes);
}

template <class A>
void fields(A& archive, typename A::template Field<OperatorActed> entry) {
  auto& [verb, request_id, actor, reason, step, content] = entry;
  archive(verb, request_id, actor, reason, step);
  archive.since(2, content);
}

template <class A>
void fields(A& archive, typename A::template Field<Settled> entry) {
  auto& [state] = entry;
  archive(state);
}

template <class A>
void fields(A& archive, typename A::template Field<ChildrenSpawned> entry) {
  auto& [step, count] = entry;
  archive(step, count);
}

template <class A>
void fields(A& archive, typename A::template Field<ChildrenSettled> entry) {
  auto& [step, spawned, settled, unsuccessful] = entry;
  archive(step, spawned, settled, unsuccessful);
}

template <class A>
void fields(A& archive, typename A::template Field<PriorityChanged> entry) {
  auto& [priority] = entry;
  archive(priority);
}

template <class A>
void fields(A& archive, typename A::template Field<BuildBound> entry) {
  auto& [step, module] = entry;
  archive(step, module);
}

namespace {

/// The oldest version that can hold it.
std::uint64_t version_of(const Entry& entry) {
  const auto* acted = std::get_if<OperatorActed>(&entry);
  if (acted && !acted->content.bytes.empty()) return 2;
  const auto* ended = std::get_if<CallEnded>(&entry);
  return ended && ended->used != Usage{} ? 3 : 1;
}

}  // namespace

std::string encode(std::span<const Entry> entries) {
  codec::Writer writer;
  std::uint64_t version = 1;
  for (const Entry& entry : entries) version = std::max(version, version_of(entry));
  writer.version(version);
  writer.unsigned_number(entries.size());
  for (const Entry& entry : entries) writer(entry);
  return writer.take();
}

std::vector<Entry> decode_entries(std::string_view bytes) {
  codec::Reader reader("journal row", bytes);
  reader.version(codec::entries_version);
  std::vector<Entry> entries;
  reader(entries);
  reader.end();
  return entries;
}

}  // namespace stepd::engine
