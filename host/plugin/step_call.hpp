#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "host/engine/definition.hpp"
#include "host/engine/derived_job.hpp"
#include "host/engine/engine.hpp"
#include "host/plugin/step_module.hpp"

namespace stepd::plugin {

/// What became of an event that a call sends.
enum class SendStatus : std::uint8_t {
  stored,        // now or before
  id_taken,      // by an event of other content
  no_addressee,  // the job it is for is unknown or has settled
  not_now,       // try later
  fenced         // the call is over
};

/// A job that a call wants to start: ready to be, or why it is none that could.
using CheckedJob = std::variant<std::shared_ptr<const engine::JobDefinition>, std::string>;

/// Nothing of the job took effect that could be undone, or it did not succeed.
struct NothingToUndo {};
/// It is undone, or is being.
struct UndoneAlready {};
/// What undoing a job that the step has started comes to: the undo, ready to be started, or why
/// there is none to start; in words, when the job cannot be undone.
using CheckedUndo = std::variant<std::shared_ptr<const engine::DerivedJob>, NothingToUndo,
                                 UndoneAlready, std::string>;

/// A job that the step has started, as it stands now. The text of its output, empty for none.
struct ChildNow {
  std::string key;
  engine::JobId job;
  std::uint32_t number = 0;  // which of the step's to settle it was, from 1; 0: it has not
  std::optional<engine::ChildOutcome> outcome;
};

/// Says what a call has had of a processor so far; nothing when that is not known, or not any more.
/// Any thread, also after the call.
using CpuClock = std::function<std::optional<engine::Duration>()>;

/// What a running call may ask of the host. Called from the plugin's threads, several at once; see
/// AttemptSink, which stands behind it in the daemon. What it throws reaches the plugin as
/// STEPD_UNAVAILABLE.
class CallPorts {
 public:
  virtual ~CallPorts() = default;
  /// Blocks until stored or fenced.
  [[nodiscard]] virtual engine::BlobStatus save(engine::StepBlob::Kind kind, std::string key,
                                                std::string bytes) = 0;
  /// Blocks until it is decided what becomes of it. The tenant is the job's, the time the host's.
  [[nodiscard]] virtual SendStatus send(engine::SentEvent event) = 0;
  /// As a submit is judged; the tenant is the job's. The definition is the caller's to share.
  [[nodiscard]] virtual CheckedJob check_job(std::string_view json) = 0;
  /// Of the jobs that the step has started, as they are on disk.
  [[nodiscard]] virtual std::optional<ChildNow> child(const std::string& key) = 0;
  /// Those that have settled, in that order, from the one after number `after` on.
  [[nodiscard]] virtual std::vector<ChildNow> settled_children(std::uint32_t after,
                                                               std::size_t limit) = 0;
  /// Of a job that execute has started; the undo is the caller's to share.
  [[nodiscard]] virtual CheckedUndo check_undo(const std::string& key) = 0;
  /// The job that undoes that one, whoever asked for it; nothing when there is none.
  [[nodiscard]] virtual std::optional<ChildNow> child_undo(const std::string& key) = 0;
  /// Everything on record for the step, all phases. Asked for once at most, and only when the
  /// request says that there may be something.
  [[nodiscard]] virtual std::vector<engine::StepBlob> blobs() = 0;
  virtual void heartbeat() = 0;
  /// The call's code is about to run. `clock` makes what measures it, for a host that wants that.
  virtual void begins(const std::function<CpuClock()>& clock) { static_cast<void>(clock); }
  virtual void progress(std::uint32_t permille, std::string note) = 0;
  /// `fields_json` is an object or empty.
  virtual void log(std::int32_t level, std::string_view message, std::string_view fields_json) = 0;
  [[nodiscard]] virtual engine::Now now() = 0;
};

/// Runs one call of a step from start to end, on the calling thread, and says how it ended. Never
/// throws what the plugin throws. The request and the ports must outlive it.
///
/// The plugin may use its context from any thread until its callback returns. A host function that
/// is still running then is waited for; one that begins afterwards is answered STEPD_FENCED as long
/// as the context is there at all. Once run_call has returned it is not.
[[nodiscard]] engine::Outcome run_call(const StepModule& step, const engine::CallRequest& request,
                                       CallPorts& ports, std::stop_token stop,
                                       const engine::Limits& limits = {});

}  // namespace stepd::plugin
