#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stepd/call_facts.hpp>
#include <string>
#include <vector>

namespace stepd::testing {

using Time = std::chrono::sys_time<std::chrono::milliseconds>;

/// How a wait for a key ended: with the event as the host tells it, or because its time was up.
struct EndedWait {
  std::string key;
  std::optional<std::string> event;
};

/// An event that was sent and nobody has taken.
struct KeptEvent {
  std::string key;
  std::string data;  // JSON
};

/// What a host would have on disk for one phase of the step.
struct PhaseRecord {
  std::optional<std::string> checkpoint;
  std::map<std::string, std::string, std::less<>> memos;
  std::uint32_t attempts = 0;  // charged so far
  std::vector<EndedWait> ended_waits;
};

/// A job the step has started.
struct StartedJob {
  std::string key;
  std::string job;           // JSON, as it was given to spawn
  std::uint32_t number = 0;  // which of them to settle it was; 0: it has not
  std::string state;         // as are the next three, once it has settled
  std::string output = "null";
  std::string error_code;
  std::string error_message;
  bool can_be_undone = true;  // it has something to undo
  std::string undo_refusal;   // why an undo of it is refused: it has been removed, say
  std::string undo;  // "": nobody asked for it; "asked"; then how that ended: "compensated"

  [[nodiscard]] bool is_open() const { return number == 0 || undo == "asked"; }
};

/// What a host would have on disk for the step, and its clock.
struct Record {
  std::array<PhaseRecord, 3> phases;
  std::optional<std::string> output;  // of execute, when known
  std::uint64_t calls = 0;
  bool outcome_unknown = false;
  bool effect_possible = false;  // a call of execute ended in another way than success or refusal
  bool resuming = false;         // the last call suspended
  std::vector<StartedJob> children;
  std::vector<KeptEvent> events;  // for the step's waits, the oldest first
  Time now{std::chrono::milliseconds(1'700'000'000'000)};

  [[nodiscard]] const PhaseRecord& of(Phase phase) const {
    return phases[static_cast<std::size_t>(phase)];
  }
  [[nodiscard]] PhaseRecord& of(Phase phase) { return phases[static_cast<std::size_t>(phase)]; }
};

/// What the test says of the job around the step.
struct Surroundings {
  std::string tenant = "default";
  std::string job_id = "job-1";
  std::string job_name = "rehearsal";
  std::string step_id = "step-1";
  std::uint32_t recorded_version = 0;  // of the step's type, when the job was accepted; 0: today's
  std::uint32_t attempts_max = 0;      // 0: without end
  std::uint64_t fencing_token = 1;
  std::optional<Time> deadline;
  std::map<std::string, std::string, std::less<>> configuration;
  std::map<std::string, std::string, std::less<>> earlier_outputs;
  std::optional<std::chrono::milliseconds> stop_after;  // how long a call runs undisturbed
  std::size_t text_max = 1'048'576;                     // bytes of an output, checkpoint or memo
};

struct LogLine {
  std::int32_t level = 0;
  std::string message;
  std::string fields;  // JSON or empty
};
struct Progress {
  std::uint32_t permille = 0;
  std::string note;
};
struct SentEvent {
  std::string id;
  std::string key;
  std::string data;  // JSON
};

/// What the step let the host see while it ran.
struct Observed {
  std::vector<LogLine> log;
  std::vector<Progress> progress;
  std::size_t heartbeats = 0;
  std::vector<SentEvent> sent;          // each id once
  std::vector<std::string> host_calls;  // in order: "memo_save due"
  bool went_on_when_dead = false;
};

}  // namespace stepd::testing
