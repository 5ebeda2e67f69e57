#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "host/plugin/step_call.hpp"
#include "host/runtime/clock.hpp"

namespace stepd::workshop {

/// What is on record for the one step of a trial, in memory. Any thread.
class TrialRecords final {
 public:
  void save(engine::StepBlob blob);
  [[nodiscard]] std::vector<engine::StepBlob> all() const;

 private:
  mutable std::mutex mutex_;  // guards blobs_
  std::vector<engine::StepBlob> blobs_;
};

/// Who hears what a call says. Any thread; an empty function hears nothing.
struct Listener {
  std::function<void(std::int32_t level, std::string_view message, std::string_view fields)> log{};
  std::function<void(std::uint32_t permille, std::string_view note)> progress{};
  std::function<void()> sign_of_life{};  // progress is one, too
  std::function<void(const engine::SentEvent& event)> event{};
};

/// The host of one call where there is no daemon: records are kept, events reach nobody, and no job
/// is started.
class TrialPorts final : public plugin::CallPorts {
 public:
  /// Both are borrowed and outlive it.
  TrialPorts(TrialRecords& records, engine::Phase phase, const Listener& listener)
      : records_(records), phase_(phase), listener_(listener) {}

  engine::BlobStatus save(engine::StepBlob::Kind kind, std::string key, std::string bytes) override;
  plugin::SendStatus send(engine::SentEvent event) override;
  plugin::CheckedJob check_job(std::string_view json) override;
  std::optional<plugin::ChildNow> child(const std::string&) override { return std::nullopt; }
  std::vector<plugin::ChildNow> settled_children(std::uint32_t, std::size_t) override { return {}; }
  plugin::CheckedUndo check_undo(const std::string& key) override;
  std::optional<plugin::ChildNow> child_undo(const std::string&) override { return std::nullopt; }
  std::vector<engine::StepBlob> blobs() override { return records_.all(); }
  void heartbeat() override;
  void progress(std::uint32_t permille, std::string note) override;
  void log(std::int32_t level, std::string_view message, std::string_view fields_json) override;
  engine::Now now() override { return clock_.now(); }

 private:
  TrialRecords& records_;
  const engine::Phase phase_;
  const Listener& listener_;
  const runtime::SystemClock clock_;
};

}  // namespace stepd::workshop
