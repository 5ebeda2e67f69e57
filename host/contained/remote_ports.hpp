#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "host/contained/packet_line.hpp"
#include "host/contained/wire.hpp"

namespace stepd::contained {

/// In the process of a plugin: what a call may ask of its host, asked over its line. Any thread. It
/// throws when the host does not answer.
class RemotePorts final : public plugin::CallPorts {
 public:
  /// The line is borrowed; nobody else uses it until the call ends.
  RemotePorts(PacketLine& line, engine::TimePoint host_time);

  engine::BlobStatus save(engine::StepBlob::Kind kind, std::string key, std::string bytes) override;
  plugin::SendStatus send(engine::SentEvent event) override;
  plugin::CheckedJob check_job(std::string_view json) override;
  std::optional<plugin::ChildNow> child(const std::string& key) override;
  std::vector<plugin::ChildNow> settled_children(std::uint32_t after, std::size_t limit) override;
  plugin::CheckedUndo check_undo(const std::string& key) override;
  std::optional<plugin::ChildNow> child_undo(const std::string& key) override;
  std::vector<engine::StepBlob> blobs() override;
  void heartbeat() override;
  void progress(std::uint32_t permille, std::string note) override;
  void log(std::int32_t level, std::string_view message, std::string_view fields_json) override;
  engine::Now now() override;

  /// Where the host keeps what the spawns stand for.
  [[nodiscard]] std::vector<std::uint32_t> kept(const std::vector<engine::Spawn>& spawns) const;

 private:
  [[nodiscard]] ToCall ask(const FromCall& question);
  void tell(const FromCall& message);
  template <class Answer>
  [[nodiscard]] Answer ask_for(const FromCall& question);
  [[nodiscard]] std::optional<plugin::ChildNow> ask_for_child(const FromCall& question);

  void require_own_process() const;

  PacketLine& line_;
  const pid_t process_;
  const bool host_plays_;     // time: it is asked for it
  mutable std::mutex mutex_;  // one question at a time; guards what follows
  // By what stands for a job here; kept, so that its address is nobody else's.
  std::map<std::shared_ptr<const void>, std::uint32_t> kept_;
  engine::SteadyPoint last_sign_ = engine::SteadyPoint::min();
};

}  // namespace stepd::contained
