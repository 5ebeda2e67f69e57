#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/engine/id.hpp"

namespace stepd::plugin {

enum class Standing : std::uint8_t {
  loaded,    // takes new jobs
  refused,   // nothing of it runs
  replaced,  // a later build has taken its place; it ends what it began
  withdrawn  // its file was taken away, or it failed on trial; it undoes what it did
};

/// One build of a plugin as the host sees it.
struct PluginLine {
  std::string file;  // where it was found
  std::string id;    // "demo.bank"; empty when the file does not say
  std::string version;
  std::string sdk;
  engine::ModuleHash module;
  std::vector<std::string> step_types;
  Standing standing = Standing::loaded;
  std::string refused;      // cause and cure, if it is
  bool in_process = false;  // loaded, and its code runs in the host's own process
  std::string sha256{};     // of the file, in hexadecimal digits; empty as long as it has no id
  std::string signed_by{};  // the file of the key; empty: by none, or nobody looked
  std::string warning{};    // what is wrong with it, with the remedy, though it is loaded
  friend bool operator==(const PluginLine&, const PluginLine&) = default;
};

}  // namespace stepd::plugin
