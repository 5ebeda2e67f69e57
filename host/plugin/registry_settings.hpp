#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "host/engine/time.hpp"
#include "host/plugin/containment.hpp"
#include "host/plugin/plugin_trust.hpp"
#include "host/plugin/probe.hpp"

namespace stepd::plugin {

struct RegistrySettings {
  std::filesystem::path modules;  // where the copies are kept: <state>/modules
  ProbeCommand probe;
  // By plugin id. A plugin that is not named gets {}.
  std::map<std::string, boost::json::object, std::less<>> configuration;
  std::string host_version;
  std::chrono::milliseconds init_limit = std::chrono::seconds(10);  // a plugin's init
  bool init_crashed = false;  // the process before this one died in the init of a plugin
  // Borrowed; outlives the registry and all it has loaded. Null: every plugin runs here.
  Containment* containment = nullptr;
  TrustSettings trust{};                          // whose plugins are loaded
  std::set<std::string, std::less<>> in_process;  // ids of plugins that run here nevertheless
  // When the oldest unsettled job was made, as this process begins; none: there is none.
  std::optional<engine::TimePoint> oldest_job;
  bool dev = false;  // other bytes may come under the id and version of a build that has run
  // What a plugin says outside of calls. Any thread, also while plugins are loaded.
  std::function<void(std::string_view plugin, std::int32_t level, std::string_view message)> log;
  std::function<engine::TimePoint()> now = [] { return engine::TimePoint{}; };  // any thread
  // Asks that load() be called with this file again, on any thread but the caller's.
  std::function<void(const std::filesystem::path& file)> look_again;
};

}  // namespace stepd::plugin
