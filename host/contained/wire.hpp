#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "host/contained/process_limits.hpp"
#include "host/engine/engine.hpp"
#include "host/plugin/plugin_description.hpp"
#include "host/plugin/step_call.hpp"

/// What a host and the process of a plugin say to each other, one message a packet. Both are the
/// same build, so the form has no versions; but the host believes nothing of what it reads.
namespace stepd::contained {

/// What came is no message: the process is not to be trusted any more.
struct BadMessage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Of the process as a whole.

struct OpenModule {
  std::string file;
  std::int32_t host = 0;  // its process id
  ProcessLimits limits{};
};
struct StartPlugin {
  std::string configuration;  // a JSON object
  std::string host_version;
  engine::Limits limits;
};
/// With a socket, which serves one call at a time.
struct OpenLine {
  std::uint32_t number = 0;  // its place in the shared page
};
struct Quiesce {
  engine::Duration budget{};
};
using ToModule = std::variant<OpenModule, StartPlugin, OpenLine, Quiesce>;

/// What describe made of it; the host checks it once more.
struct Described {
  std::string id;
  std::string version;
  std::string sdk;
  std::vector<engine::StepType> steps;
};
/// It cannot be loaded, does not describe itself, or does not start.
struct Unfit {
  std::string fact;
};
struct Started {};
/// Outside of calls.
struct Says {
  std::int32_t level = 0;
  std::string text;
};
struct Quiesced {
  std::string trouble;  // empty: none
};
using FromModule = std::variant<Described, Unfit, Started, Says, Quiesced>;

// Of one call.

/// Both ends stay awake for so long when a call takes next to no time.
inline constexpr std::chrono::microseconds awake_for_quick_calls{30};

struct RunCall {
  std::uint32_t serial = 0;  // of this line's calls; a stop names it
  engine::TimePoint now{};   // by the host's clock, which may play time
  engine::CallRequest request;
};
struct Saved {
  engine::BlobStatus status = engine::BlobStatus::stored;
};
struct Sent {
  plugin::SendStatus status = plugin::SendStatus::stored;
};
/// Of a job or an undo that the call wants started: where it is kept until the call ends.
struct Kept {
  std::uint32_t place = 0;
};
struct Objection {
  std::string why;
};
struct NothingThere {};
struct DoneAlready {};
struct Children {
  std::vector<plugin::ChildNow> children;
};
struct Records {
  std::vector<engine::StepBlob> blobs;
};
struct TimeNow {
  engine::TimePoint wall{};
  engine::Duration steady{};  // since the steady clock began
};
/// The host could not do what it was asked.
struct Trouble {
  std::string what;
};
using ToCall = std::variant<RunCall, Saved, Sent, Kept, Objection, NothingThere, DoneAlready,
                            Children, Records, TimeNow, Trouble>;

struct Ended {
  std::uint32_t serial = 0;  // as in RunCall
  engine::Outcome outcome;
  std::vector<std::uint32_t> kept;  // of each of its spawns
};
struct Save {
  engine::StepBlob::Kind kind = engine::StepBlob::Kind::checkpoint;
  std::string key;
  std::string bytes;
};
struct Send {
  std::string id;
  std::string key;
  engine::JsonText data;
};
struct CheckJob {
  std::string json;
};
struct CheckUndo {
  std::string key;
};
struct TellChild {
  std::string key;
};
struct TellUndo {
  std::string key;
};
struct TellSettled {
  std::uint32_t after = 0;
  std::uint64_t limit = 0;
};
struct TellRecords {};
struct TellTime {};
// Answered by nothing.
struct Alive {};
struct Progress {
  std::uint32_t permille = 0;
  std::string note;
};
struct LogLine {
  std::int32_t level = 0;
  std::string message;
  std::string fields_json;
};
using FromCall = std::variant<Ended, Save, Send, CheckJob, CheckUndo, TellChild, TellUndo,
                              TellSettled, TellRecords, TellTime, Alive, Progress, LogLine>;

[[nodiscard]] std::string encode(const ToModule& message);
[[nodiscard]] std::string encode(const FromModule& message);
[[nodiscard]] std::string encode(const ToCall& message);
[[nodiscard]] std::string encode(const FromCall& message);
/// Throw BadMessage.
[[nodiscard]] ToModule to_module(std::string_view bytes);
[[nodiscard]] FromModule from_module(std::string_view bytes);
[[nodiscard]] ToCall to_call(std::string_view bytes);
[[nodiscard]] FromCall from_call(std::string_view bytes);

}  // namespace stepd::contained
