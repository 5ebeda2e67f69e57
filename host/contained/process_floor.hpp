#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/contained/process_limits.hpp"
#include "host/contained/process_record.hpp"
#include "host/contained/supervisor.hpp"
#include "host/engine/definition.hpp"

namespace stepd::contained {

/// How processes of plugins are started and treated.
struct ProcessSettings {
  // Program and first arguments; the plugin's id is added, for whoever lists processes. The program
  // does nothing but call module_main. The daemon names itself: /proc/self/exe.
  std::vector<std::string> command;
  std::filesystem::path record{};  // see ProcessRecord; empty: none is kept
  std::chrono::milliseconds open_limit = std::chrono::seconds(20);
  std::chrono::milliseconds start_limit = std::chrono::seconds(10);  // a plugin's init
  // From the wish that a call stop until its process is killed.
  std::chrono::milliseconds stop_grace = std::chrono::seconds(5);
  ProcessLimits process{};                                         // of those not named here:
  std::map<std::string, ProcessLimits, std::less<>> process_of{};  // by plugin id
  // Variables that processes see beside those that show the way (PATH, HOME, …); a name that ends
  // with a star stands for all that begin so.
  std::vector<std::string> environment{};
  std::string host_version;
  engine::Limits limits;
  // What a plugin says outside of calls, and what it prints. Any thread.
  std::function<void(std::string_view plugin, std::int32_t level, std::string_view text)> log;
};

/// What all processes of plugins share.
struct ProcessFloor {
  explicit ProcessFloor(ProcessSettings how) : settings(std::move(how)) {
    if (!settings.record.empty()) record.emplace(settings.record);
  }

  const ProcessSettings settings;
  std::optional<ProcessRecord> record;
  Supervisor supervisor;
};

}  // namespace stepd::contained
