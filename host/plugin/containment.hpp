#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>

#include "host/plugin/plugin_description.hpp"
#include "host/plugin/step_call.hpp"

namespace stepd::plugin {

/// A module whose code runs in a process of its own. Any thread.
class ContainedModule {
 public:
  virtual ~ContainedModule() = default;

  /// Has the plugin's init run with its configuration, a JSON object, here and in every process
  /// that takes this one's place. Nothing: it has started; else what is wrong, to be read after the
  /// file's name.
  [[nodiscard]] virtual std::optional<std::string> start(const std::string& configuration) = 0;

  /// As run_call, also when the process ends meanwhile: then that is the outcome. Throws
  /// std::exception when the host has trouble of its own.
  [[nodiscard]] virtual engine::Outcome run(const engine::CallRequest& request, CallPorts& ports,
                                            std::stop_token stop) = 0;

  /// Its process ends as soon as no call runs in it, and one that comes later starts another, until
  /// it is recalled. It may take as long as the plugin takes to end its threads.
  virtual void retire() = 0;
  virtual void recall() = 0;

  /// No call is under way and none will come. Nothing: all is well; else what the plugin answered.
  [[nodiscard]] virtual std::optional<std::string> quiesce(std::chrono::milliseconds budget) = 0;
};

struct ContainedPlugin {
  PluginDescription description;
  std::shared_ptr<ContainedModule> module;  // owned by its step modules alike
};

/// How modules come to processes of their own.
class Containment {
 public:
  virtual ~Containment() = default;
  /// Loads the module of the plugin of this id in a new process and has it describe itself. Throws
  /// std::system_error when there is no process to be had.
  [[nodiscard]] virtual std::variant<ContainedPlugin, BadDescription> open(
      const std::filesystem::path& module, const std::string& plugin) = 0;
};

}  // namespace stepd::plugin
