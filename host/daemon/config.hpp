#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "host/contained/process_limits.hpp"
#include "host/engine/definition.hpp"
#include "host/engine/time.hpp"
#include "host/plugin/plugin_line.hpp"
#include "host/plugin/plugin_trust.hpp"
#include "host/runtime/call_budget.hpp"
#include "host/runtime/committer.hpp"

namespace stepd::daemon {

/// All that can be set. What a source leaves out keeps what the one before it said: defaults, then
/// the configuration file, then the command line.
struct Config {
  std::filesystem::path state_dir;
  std::vector<std::filesystem::path> plugins;
  std::vector<std::string> listen;
  std::filesystem::path token_file;  // for tcp addresses; <state>/token unless set
  std::size_t workers = 64;          // calls at a time
  std::string log_level = "info";
  engine::Duration stop_grace = std::chrono::seconds(10);
  std::set<std::string, std::less<>> in_process;          // ids of plugins that run in this process
  bool all_in_process = false;                            // "*" among them
  engine::Duration kill_after = std::chrono::seconds(5);  // that a call was asked to stop
  std::vector<std::string> environment;                   // variables that plugins see, too
  contained::ProcessLimits process;                       // of the process of each plugin
  std::map<std::string, contained::ProcessLimits, std::less<>> process_of;  // but of these, by id
  plugin::TrustSettings trust;   // whose plugins are loaded
  runtime::CallBudgets budgets;  // by step type
  runtime::Retention retention;
  engine::Limits limits;
  engine::PolicyDefaults retry;
  bool real_steps = false;  // tests of jobs may have the steps' own code called
  bool dev = false;         // other bytes may come under the version of a build that has run
  std::map<std::string, boost::json::object, std::less<>> plugin;  // by plugin id
};

/// What the environment says of where things are.
struct Surroundings {
  bool root = false;
  std::filesystem::path home;               // of the user; empty: unknown
  std::filesystem::path state_home;         // $XDG_STATE_HOME; empty: not set
  std::filesystem::path installed_plugins;  // empty: there is no such folder
};
[[nodiscard]] Surroundings surroundings_of_process();

/// What the command line says; absent or empty: nothing.
struct Overrides {
  std::optional<std::filesystem::path> config_file;
  std::optional<std::filesystem::path> state_dir;
  std::vector<std::filesystem::path> plugins;
  std::vector<std::string> listen;
  std::optional<std::size_t> workers;
  std::optional<std::string> log_level;
  std::vector<std::string> in_process;
  bool real_steps = false;
  bool dev = false;
};

/// Something in the configuration that cannot be used: where, what, and what to do.
struct ConfigProblem {
  std::string place;  // "/etc/stepd/stepd.toml:3", "--state-dir", "listen"
  std::string key;    // "retention.succeeded"; may be empty
  std::string message;
  friend bool operator==(const ConfigProblem&, const ConfigProblem&) = default;
};
[[nodiscard]] std::string to_text(const ConfigProblem& problem);

struct LoadedConfig {
  Config config;
  std::filesystem::path file;  // that was read; empty: none
  std::vector<ConfigProblem> problems;
};
/// Reads and completes the configuration. With any problem it is not to be used.
[[nodiscard]] LoadedConfig load_config(const Overrides& overrides,
                                       const Surroundings& surroundings);

/// The plugins that are configured and not there, by the name of their table.
[[nodiscard]] std::vector<std::string> unclaimed(const Config& config,
                                                 const std::vector<plugin::PluginLine>& plugins);

/// The whole configuration in effect, as a file that could be read again.
[[nodiscard]] std::string to_toml(const Config& config);

inline constexpr std::size_t workers_max = 1024;
[[nodiscard]] bool is_log_level(std::string_view text);

}  // namespace stepd::daemon
