#pragma once

#include "host/contained/process_floor.hpp"
#include "host/plugin/containment.hpp"

namespace stepd::contained {

/// A process for each module. Outlives what it has opened.
class ProcessContainment final : public plugin::Containment {
 public:
  /// Throws std::system_error when what a host before has left does not end (see ProcessRecord).
  explicit ProcessContainment(ProcessSettings settings) : floor_(std::move(settings)) {}

  std::variant<plugin::ContainedPlugin, plugin::BadDescription> open(
      const std::filesystem::path& module, const std::string& plugin) override;

 private:
  ProcessFloor floor_;
};

}  // namespace stepd::contained
