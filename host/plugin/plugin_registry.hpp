#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "host/engine/catalogue.hpp"
#include "host/plugin/containment.hpp"
#include "host/plugin/module_folder.hpp"
#include "host/plugin/plugin_line.hpp"
#include "host/plugin/probe.hpp"
#include "host/plugin/step_module.hpp"

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
  std::set<std::string, std::less<>> in_process;  // ids of plugins that run here nevertheless
  // What a plugin says outside of calls. Any thread, also while plugins are loaded.
  std::function<void(std::string_view plugin, std::int32_t level, std::string_view message)> log;
};

/// All plugins of this host, wherever their code runs. They are never unloaded, so a module that
/// was found stays good for as long as the registry lives, and code in this process for as long as
/// that does.
class PluginRegistry final {
 public:
  /// Throws std::system_error when the modules folder cannot be made.
  explicit PluginRegistry(RegistrySettings settings);
  ~PluginRegistry();
  PluginRegistry(const PluginRegistry&) = delete;
  PluginRegistry& operator=(const PluginRegistry&) = delete;

  struct Loading {
    std::vector<PluginLine> lines;   // of the files that were looked at, loaded or refused
    bool catalogue_changed = false;  // there are step types that were not there before
  };
  /// Judges, tries and loads what is new of these files; what is wrong with one of them does not
  /// keep the others from loading. Of several files with one plugin id the highest version is
  /// taken; of several plugins with one step type the first. A plugin that is loaded stays as it
  /// is. A file that is no longer there loses its refusal. Any thread; one at a time, others wait.
  /// It takes as long as the plugins do.
  [[nodiscard]] Loading load(const std::vector<std::filesystem::path>& files);

  /// Removes copies that nothing was loaded from. Once all plugin folders were loaded.
  void tidy();

  /// Any thread, from here on.
  [[nodiscard]] std::shared_ptr<const engine::Catalogue> catalogue() const;
  [[nodiscard]] std::vector<PluginLine> lines() const;
  [[nodiscard]] const StepModule* find(std::string_view step_type) const;

  /// No call is under way and none will come: lets the plugins end their threads, one after the
  /// other, within the budget. Says which did not, and why.
  [[nodiscard]] std::vector<std::string> quiesce(std::chrono::milliseconds budget);

 private:
  struct Candidate;
  struct LoadedPlugin;
  using Loaded = std::shared_ptr<LoadedPlugin>;

  std::optional<Candidate> candidate(const std::filesystem::path& file, Loading& loading);
  std::string load_one(const Candidate& candidate);
  std::optional<std::string> refused_for_an_earlier_start(const Candidate& candidate);
  [[nodiscard]] std::variant<Loaded, std::string> open(const Candidate& candidate);
  [[nodiscard]] std::variant<Loaded, std::string> open_contained(const Candidate& candidate) const;
  [[nodiscard]] static Loaded loaded_from(const Candidate& candidate,
                                          PluginDescription description);
  std::string start(const Loaded& plugin, const Candidate& candidate);
  std::string start_here(const Loaded& plugin, const Candidate& candidate,
                         const boost::json::object& configuration);
  std::string refused_beside(const Candidate& candidate, const LoadedPlugin& loaded) const;
  std::string clash(const std::vector<StepModule>& steps) const;
  void add(Loaded plugin);
  void refuse(PluginLine line, Loading& loading);
  const LoadedPlugin* loaded_with_id(std::string_view id) const;

  // Shared with what plugins were handed, which they may keep for as long as the process lives.
  const std::shared_ptr<const RegistrySettings> settings_;
  const ModuleFolder folder_;
  std::mutex loading_;  // held while loading; guards the writing of what follows
  std::set<std::filesystem::path> crashed_;  // what tells of builds that end the process
  std::set<std::string> hanging_;            // ids of plugins whose init has not returned

  mutable std::shared_mutex readers_;  // guards what follows against those who read meanwhile
  std::vector<Loaded> loaded_;         // shared with a start that goes on
  std::map<std::string, PluginLine> refused_;
  std::map<std::string, const StepModule*, std::less<>> steps_;
  // Shared with those who were handed it; never changes, it is replaced.
  std::shared_ptr<const engine::Catalogue> catalogue_;
};

}  // namespace stepd::plugin
