#pragma once

#include <stepd/plugin.h>

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "host/plugin/step_call.hpp"

namespace stepd::plugin {

/// The checkpoints and memos of one step as one call sees them: read once, and only when needed;
/// written through. What it lends stays as it is until the call ends. Any thread.
class CallRecords final {
 public:
  CallRecords(const engine::CallRequest& request, CallPorts& ports)
      : request_(request), ports_(ports) {}

  [[nodiscard]] stepd_status load_checkpoint(std::int32_t phase, stepd_str* bytes);
  [[nodiscard]] stepd_status save_checkpoint(stepd_str bytes);
  [[nodiscard]] stepd_status load_memo(std::int32_t phase, stepd_str key, stepd_str* bytes);
  [[nodiscard]] stepd_status save_memo(stepd_str key, stepd_str bytes);

 private:
  struct Checkpoint {
    std::unique_ptr<const std::string> bytes;
    bool lent = false;
  };
  static constexpr std::size_t phases = 3;

  [[nodiscard]] bool may_read(std::int32_t phase) const;
  [[nodiscard]] std::size_t own_phase() const { return static_cast<std::size_t>(request_.phase); }
  void read_once();

  const engine::CallRequest& request_;
  CallPorts& ports_;
  std::mutex mutex_;  // also held while storing, so that of two writers of one memo one is first
  bool read_ = false;
  std::array<Checkpoint, phases> checkpoints_;
  std::array<std::map<std::string, std::string, std::less<>>, phases> memos_;
  std::vector<std::unique_ptr<const std::string>> superseded_;  // lent, and replaced since
};

}  // namespace stepd::plugin
