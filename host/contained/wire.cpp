#include "host/contained/wire.hpp"

#include <utility>

#include "host/engine/codec_bytes.hpp"
#include "host/engine/codec_fields.hpp"

/// Each struct is taken apart by name, so that a field added to it does not compile until it has
/// its place in the message.
namespace stepd::engine {

namespace codec {

template <>
constexpr StepBlob::Kind last_of<StepBlob::Kind>() {
  return StepBlob::Kind::memo;
}
template <>
constexpr BlobStatus last_of<BlobStatus>() {
  return BlobStatus::fenced;
}
template <>
constexpr JobWord last_of<JobWord>() {
  return JobWord::discarded;
}
template <>
constexpr plugin::SendStatus last_of<plugin::SendStatus>() {
  return plugin::SendStatus::fenced;
}

}  // namespace codec

template <class A>
void fields(A& archive, typename A::template Field<Limits> limits) {
  auto& [args, output, steps, depth, name] = limits;
  archive(args, output, steps, depth, name);
}

inline void fields(codec::Writer& writer, const Epoch& epoch) { writer(Duration(epoch.value)); }
inline void fields(codec::Reader& reader, Epoch& epoch) {
  Duration bits{};
  reader(bits);
  epoch.value = bits.count();
}

template <class A>
void fields(A& archive, typename A::template Field<CallId> id) {
  auto& [job, number] = id;
  archive(job, number);
}

template <class A>
void fields(A& archive, typename A::template Field<EarlierOutput> earlier) {
  auto& [step, output] = earlier;
  archive(step, output);
}

template <class A>
void fields(A& archive, typename A::template Field<CallRequest> request) {
  auto& [id, epoch, tenant, job_name, step, step_index, type, version, module, phase, attempt,
         attempts_max, outcome_unknown, deadline, timeout, heartbeat, args, own_output,
         earlier_outputs, ended_waits, has_children, children_open, has_blobs, quick, ready_since,
         executed_in] = request;
  archive(id, epoch, tenant, job_name, step, step_index, type, version, module, phase, attempt,
          attempts_max);
  archive.flags(outcome_unknown, has_children, children_open, has_blobs, quick);
  archive.optionals(deadline, executed_in);
  archive(timeout, heartbeat, args, own_output, earlier_outputs, ended_waits);
}

/// What it stands for stays with the host that has checked it.
template <class A>
void fields(A& archive, typename A::template Field<Spawn> spawn) {
  auto& [key, definition, undo] = spawn;
  archive(key);
}

template <class A>
void fields(A& archive, typename A::template Field<Outcome> outcome) {
  auto& [kind, output, error, retry_after, wait, spawns, checkpoint, used] = outcome;
  archive(kind, output, error);
  archive.optionals(retry_after, wait, checkpoint);
  archive(spawns, used);
}

template <class A>
void fields(A& archive, typename A::template Field<StepBlob> blob) {
  auto& [kind, step, phase, key, bytes] = blob;
  archive(kind, step, phase, key, bytes);
}

template <class A>
void fields(A& archive, typename A::template Field<ChildOutcome> outcome) {
  auto& [word, output, error] = outcome;
  archive(word, output, error);
}

inline void fields(codec::Writer& writer, const StepSchema& schema) {
  writer(static_cast<const JsonText&>(schema));
}
/// As text alone: it is not to be parsed before it has been checked.
inline void fields(codec::Reader& reader, StepSchema& schema) {
  JsonText text;
  reader(text);
  schema = StepSchema(std::move(text));
}

template <class A>
void fields(A& archive, typename A::template Field<StepType> type) {
  auto& [name, version, accepts_from, kind, offers_probe, not_repeatable, retry, compensate_retry,
         timeout, heartbeat, compensate_timeout, args_schema, output_schema, title, description,
         plugin, module] = type;
  archive(name, version, accepts_from, kind);
  archive.flags(offers_probe, not_repeatable);
  archive(retry, compensate_retry, timeout, heartbeat, compensate_timeout, args_schema,
          output_schema, title, description);
}

}  // namespace stepd::engine

namespace stepd::plugin {

template <class A>
void fields(A& archive, typename A::template Field<ChildNow> child) {
  auto& [key, job, number, outcome] = child;
  archive(key, job, number);
  archive.optionals(outcome);
}

}  // namespace stepd::plugin

namespace stepd::contained {

template <class A>
void fields(A& archive, typename A::template Field<ProcessLimits> limits) {
  auto& [memory_bytes, cpu_seconds, files, processes] = limits;
  archive.optionals(memory_bytes, cpu_seconds, files, processes);
}

template <class A>
void fields(A& archive, typename A::template Field<OpenModule> said) {
  auto& [file, host, limits] = said;
  archive(file, host, limits);
}

template <class A>
void fields(A& archive, typename A::template Field<StartPlugin> said) {
  auto& [configuration, host_version, limits] = said;
  archive(configuration, host_version, limits);
}

template <class A>
void fields(A& archive, typename A::template Field<OpenLine> said) {
  auto& [number] = said;
  archive(number);
}

template <class A>
void fields(A& archive, typename A::template Field<Quiesce> said) {
  auto& [budget] = said;
  archive(budget);
}

template <class A>
void fields(A& archive, typename A::template Field<Described> said) {
  auto& [id, version, sdk, steps] = said;
  archive(id, version, sdk, steps);
}

template <class A>
void fields(A& archive, typename A::template Field<Unfit> said) {
  auto& [fact] = said;
  archive(fact);
}

template <class A>
void fields(A& archive, typename A::template Field<Says> said) {
  auto& [level, text] = said;
  archive(level, text);
}

template <class A>
void fields(A& archive, typename A::template Field<Quiesced> said) {
  auto& [trouble] = said;
  archive(trouble);
}

template <class A>
void fields(A& archive, typename A::template Field<RunCall> said) {
  auto& [serial, now, request] = said;
  archive(serial, now, request);
}

template <class A>
void fields(A& archive, typename A::template Field<Saved> said) {
  auto& [status] = said;
  archive(status);
}

template <class A>
void fields(A& archive, typename A::template Field<Sent> said) {
  auto& [status] = said;
  archive(status);
}

template <class A>
void fields(A& archive, typename A::template Field<Kept> said) {
  auto& [place] = said;
  archive(place);
}

template <class A>
void fields(A& archive, typename A::template Field<Objection> said) {
  auto& [why] = said;
  archive(why);
}

template <class A>
void fields(A& archive, typename A::template Field<Children> said) {
  auto& [children] = said;
  archive(children);
}

template <class A>
void fields(A& archive, typename A::template Field<Records> said) {
  auto& [blobs] = said;
  archive(blobs);
}

template <class A>
void fields(A& archive, typename A::template Field<TimeNow> said) {
  auto& [wall, steady] = said;
  archive(wall, steady);
}

template <class A>
void fields(A& archive, typename A::template Field<Trouble> said) {
  auto& [what] = said;
  archive(what);
}

template <class A>
void fields(A& archive, typename A::template Field<Ended> said) {
  auto& [serial, outcome, kept] = said;
  archive(serial, outcome, kept);
}

template <class A>
void fields(A& archive, typename A::template Field<Save> said) {
  auto& [kind, key, bytes] = said;
  archive(kind, key, bytes);
}

template <class A>
void fields(A& archive, typename A::template Field<Send> said) {
  auto& [id, key, data] = said;
  archive(id, key, data);
}

template <class A>
void fields(A& archive, typename A::template Field<CheckJob> said) {
  auto& [json] = said;
  archive(json);
}

template <class A>
void fields(A& archive, typename A::template Field<CheckUndo> said) {
  auto& [key] = said;
  archive(key);
}

template <class A>
void fields(A& archive, typename A::template Field<TellChild> said) {
  auto& [key] = said;
  archive(key);
}

template <class A>
void fields(A& archive, typename A::template Field<TellUndo> said) {
  auto& [key] = said;
  archive(key);
}

template <class A>
void fields(A& archive, typename A::template Field<TellSettled> said) {
  auto& [after, limit] = said;
  archive(after, limit);
}

template <class A>
void fields(A& archive, typename A::template Field<Progress> said) {
  auto& [permille, note] = said;
  archive(permille, note);
}

template <class A>
void fields(A& archive, typename A::template Field<LogLine> said) {
  auto& [level, message, fields_json] = said;
  archive(level, message, fields_json);
}

namespace {

template <class T>
std::string written(const T& message) {
  engine::codec::Writer writer;
  writer(message);
  return writer.take();
}

template <class T>
T taken(std::string_view bytes) {
  try {
    engine::codec::Reader reader("message", bytes);
    T message;
    reader(message);
    reader.end();
    return message;
  } catch (const std::exception& error) {
    throw BadMessage(error.what());
  }
}

}  // namespace

std::string encode(const ToModule& message) { return written(message); }
std::string encode(const FromModule& message) { return written(message); }
std::string encode(const ToCall& message) { return written(message); }
std::string encode(const FromCall& message) { return written(message); }

ToModule to_module(std::string_view bytes) { return taken<ToModule>(bytes); }
FromModule from_module(std::string_view bytes) { return taken<FromModule>(bytes); }
ToCall to_call(std::string_view bytes) { return taken<ToCall>(bytes); }
FromCall from_call(std::string_view bytes) { return taken<FromCall>(bytes); }

}  // namespace stepd::contained
