#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "host/plugin/step_call.hpp"

namespace stepd::plugin {

/// A host that keeps what a call saves and says, in memory, at a time that stands still.
class KeptPorts : public CallPorts {
 public:
  static engine::Now start() {
    return {engine::TimePoint(std::chrono::seconds(1'700'000'000)),
            engine::SteadyPoint(std::chrono::seconds(1000))};
  }

  engine::BlobStatus save(engine::StepBlob::Kind kind, std::string key,
                          std::string bytes) override {
    const std::lock_guard lock(mutex_);
    ++saves;
    if (fenced) return engine::BlobStatus::fenced;
    kept.push_back({.kind = kind, .key = std::move(key), .bytes = std::move(bytes)});
    return engine::BlobStatus::stored;
  }
  std::vector<engine::StepBlob> blobs() override {
    const std::lock_guard lock(mutex_);
    ++reads;
    if (!trouble.empty()) throw std::runtime_error(trouble);
    return on_record;
  }
  SendStatus send(engine::SentEvent event) override {
    const std::lock_guard lock(mutex_);
    sent.push_back(std::move(event));
    return send_status;
  }
  CheckedJob check_job(std::string_view json) override {
    const std::lock_guard lock(mutex_);
    if (json == "{}") return std::string("/steps: is missing");
    return std::make_shared<const engine::JobDefinition>();
  }
  std::optional<ChildNow> child(const std::string& key) override {
    const std::lock_guard lock(mutex_);
    for (const ChildNow& child : children) {
      if (child.key == key) return child;
    }
    return std::nullopt;
  }
  std::vector<ChildNow> settled_children(std::uint32_t after, std::size_t) override {
    const std::lock_guard lock(mutex_);
    std::vector<ChildNow> settled;
    for (const ChildNow& child : children) {
      if (child.number > after) settled.push_back(child);
    }
    return settled;
  }
  CheckedUndo check_undo(const std::string& key) override {
    const std::lock_guard lock(mutex_);
    const auto found = undos.find(key);
    return found == undos.end() ? CheckedUndo(NothingToUndo{}) : found->second;
  }
  std::optional<ChildNow> child_undo(const std::string& key) override {
    const std::lock_guard lock(mutex_);
    if (!undos.contains(key)) return std::nullopt;
    return ChildNow{.key = key, .job = {9}, .number = 0, .outcome = {}};
  }
  void heartbeat() override { hear("heartbeat"); }
  void progress(std::uint32_t permille, std::string note) override {
    hear("progress " + std::to_string(permille) + " " + note);
  }
  void log(std::int32_t level, std::string_view message, std::string_view fields) override {
    hear("log " + std::to_string(level) + " " + std::string(message) + " " + std::string(fields));
  }
  engine::Now now() override { return time; }

  engine::Now time = start();
  bool fenced = false;
  std::string trouble{};  // reading fails with it
  std::vector<engine::StepBlob> on_record{};
  std::vector<engine::StepBlob> kept{};
  std::vector<ChildNow> children{};
  std::map<std::string, CheckedUndo> undos{};
  std::vector<engine::SentEvent> sent{};
  SendStatus send_status = SendStatus::stored;
  std::vector<std::string> heard{};
  int saves = 0;
  int reads = 0;

 private:
  void hear(std::string words) {
    const std::lock_guard lock(mutex_);
    heard.push_back(std::move(words));
  }
  std::mutex mutex_;
};

}  // namespace stepd::plugin
