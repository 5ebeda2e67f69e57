#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>

#include "host/plugin/plugin_build.hpp"
#include "host/plugin/registry_settings.hpp"

namespace stepd::plugin {

/// Loads builds from their copies, where their code is to run, and starts them. One thread at a
/// time.
class BuildLoader final {
 public:
  /// The settings are shared with what plugins were handed, which they may keep for as long as the
  /// process lives.
  explicit BuildLoader(std::shared_ptr<const RegistrySettings> settings);

  /// A build that has described itself, or a refusal.
  [[nodiscard]] std::variant<std::shared_ptr<PluginBuild>, std::string> open(
      const Candidate& candidate);

  /// Runs its init. Empty: it has started; else a refusal.
  [[nodiscard]] std::string start(const std::shared_ptr<PluginBuild>& build,
                                  const Candidate& candidate);

  /// Files that tell of builds that end the process; they stand beside their copies.
  [[nodiscard]] const std::set<std::filesystem::path>& crashed() const { return crashed_; }

 private:
  using Opened = std::variant<std::shared_ptr<PluginBuild>, std::string>;

  [[nodiscard]] Opened open_here(const Candidate& candidate);
  [[nodiscard]] Opened open_contained(const Candidate& candidate) const;
  [[nodiscard]] std::optional<std::string> refused_for_an_earlier_start(const Candidate& candidate);
  std::string start_here(const std::shared_ptr<PluginBuild>& build, const Candidate& candidate,
                         const boost::json::object& configuration);

  const std::shared_ptr<const RegistrySettings> settings_;
  std::set<std::filesystem::path> crashed_;
  std::set<std::string> hanging_;  // ids of plugins whose init has not returned
};

}  // namespace stepd::plugin
