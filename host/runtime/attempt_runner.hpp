#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/plugin/step_call.hpp"

namespace stepd::runtime {

/// What a call says of itself while it runs. Any thread. Implemented by the host, faked by tests.
class AttemptSink {
 public:
  virtual ~AttemptSink() = default;

  /// The call is over and none of its code runs any more. Once per call.
  virtual void ended(std::vector<engine::CallReported> reports) = 0;
  /// The call lasted or was silent too long; it goes on until it returns.
  virtual void overran(engine::CallOverran overran) = 0;
  /// Blocks until the bytes are on disk, or the call turns out to be over.
  [[nodiscard]] virtual engine::BlobStatus save(const engine::CallId& call,
                                                engine::StepBlob::Kind kind, std::string key,
                                                std::string bytes) = 0;
  /// Blocks until the event is on disk, or turns out not to be taken.
  [[nodiscard]] virtual plugin::SendStatus send(const engine::CallId& call,
                                                engine::SentEvent event) = 0;
  /// See CallPorts.
  [[nodiscard]] virtual plugin::CheckedJob check_job(const std::string& tenant,
                                                     std::string_view json) = 0;
  [[nodiscard]] virtual std::optional<plugin::ChildNow> child(engine::JobId job,
                                                              engine::StepIndex step,
                                                              const std::string& key) = 0;
  [[nodiscard]] virtual std::vector<plugin::ChildNow> settled_children(engine::JobId job,
                                                                       engine::StepIndex step,
                                                                       std::uint32_t after,
                                                                       std::size_t limit) = 0;
  /// See CallPorts, as for the next.
  [[nodiscard]] virtual plugin::CheckedUndo check_undo(const engine::CallRequest& call,
                                                       const std::string& key) = 0;
  [[nodiscard]] virtual std::optional<plugin::ChildNow> child_undo(engine::JobId job,
                                                                   engine::StepIndex step,
                                                                   const std::string& key) = 0;
  /// Everything on record for the step of this call, both phases.
  [[nodiscard]] virtual std::vector<engine::StepBlob> blobs(engine::JobId job,
                                                            engine::StepIndex step) = 0;
  /// `step` is the id of the call's step.
  virtual void progressed(const engine::CallId& call, std::string step, std::uint32_t permille,
                          std::string note) = 0;
};

/// How calls are run, in this process or in that of their plugin. Values only, so
/// that both look alike. Any thread.
class AttemptRunner {
 public:
  virtual ~AttemptRunner() = default;

  /// Takes the calls on; each ends with one report to the sink, also when no module can run it.
  virtual void start(std::vector<engine::BoxedCall> requests) = 0;
  /// Asks a call to stop; unknown calls are none of its business.
  virtual void stop(const engine::CallId& call, engine::StopCause cause) = 0;
  /// Takes on nothing more and returns once every call is over. May be called twice.
  virtual void shut_down() = 0;
};

}  // namespace stepd::runtime
