#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "host/engine/engine.hpp"

namespace stepd::plugin {

/// What a running call may ask of the host. Called from the plugin's threads; see AttemptSink,
/// which stands behind it in the daemon.
class CallPorts {
 public:
  virtual ~CallPorts() = default;
  /// Blocks until stored or fenced.
  [[nodiscard]] virtual engine::BlobStatus save(engine::StepBlob::Kind kind, std::string key,
                                                std::string bytes) = 0;
  [[nodiscard]] virtual std::vector<engine::StepBlob> blobs() = 0;
  virtual void heartbeat() = 0;
  virtual void progress(std::uint32_t permille, std::string note) = 0;
  virtual void log(std::int32_t level, std::string_view message, std::string_view fields_json) = 0;
};

}  // namespace stepd::plugin
