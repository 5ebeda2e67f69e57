#pragma once

#include <string>
#include <vector>

#include "host/engine/id.hpp"

namespace stepd::plugin {

/// One plugin file as the host sees it: loaded, or refused and why.
struct PluginLine {
  std::string file;  // where it was found
  std::string id;    // "demo.bank"; empty when the file does not say
  std::string version;
  std::string sdk;
  engine::ModuleHash module;
  std::vector<std::string> step_types;
  std::string refused;      // empty: loaded; else cause and cure
  bool in_process = false;  // loaded, and its code runs in the host's own process
  friend bool operator==(const PluginLine&, const PluginLine&) = default;
};

}  // namespace stepd::plugin
