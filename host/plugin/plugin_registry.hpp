#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "host/engine/catalogue.hpp"
#include "host/plugin/build_loader.hpp"
#include "host/plugin/module_record.hpp"
#include "host/plugin/plugin_build.hpp"
#include "host/plugin/registry_settings.hpp"
#include "host/plugin/step_conduct.hpp"

namespace stepd::plugin {

/// All plugins of this host, wherever their code runs. Which build of a plugin takes new jobs is a
/// function of the files in the plugins folders; the builds it has replaced stay callable until
/// forget_builds lets them go.
class PluginRegistry final {
 public:
  /// Throws std::system_error when the modules folder cannot be made.
  explicit PluginRegistry(RegistrySettings settings);
  ~PluginRegistry();
  PluginRegistry(const PluginRegistry&) = delete;
  PluginRegistry& operator=(const PluginRegistry&) = delete;

  struct Loading {
    std::vector<PluginLine> lines;    // what has been loaded, refused, replaced or withdrawn
    std::vector<PluginLine> doubted;  // were loaded before, and have a warning that is new
    bool catalogue_changed = false;   // other step types, or other builds of them
  };
  /// Looks at these files: loads what is new, takes away what is gone, replaces what is another.
  /// What is wrong with one file does not keep others from loading. Any thread; one at a time,
  /// others wait. It takes as long as the plugins do.
  [[nodiscard]] Loading load(const std::vector<std::filesystem::path>& files);

  /// Once all plugin folders were loaded: brings back the builds that an earlier process has run
  /// and that unsettled jobs may refer to, and removes all other copies.
  [[nodiscard]] Loading restore();

  /// Those who call have heard of the catalogue: the processes of builds that were replaced end
  /// once no call runs in them, and each time again.
  void retire_replaced();

  /// Lets go of replaced builds that no unsettled job can refer to. `oldest` is when the oldest of
  /// those was made; none: there is none. True: it let go of some.
  [[nodiscard]] bool forget_builds(std::optional<engine::TimePoint> oldest);

  /// Any thread, from here on.
  [[nodiscard]] std::shared_ptr<const engine::Catalogue> catalogue() const;
  [[nodiscard]] std::vector<PluginLine> lines() const;

  /// The step type as this build offers it; without one, as the loaded build does. Null: that is
  /// not there. Shared with the registry; the build stays callable for as long as it is held.
  [[nodiscard]] std::shared_ptr<const StepModule> find(std::string_view step_type,
                                                       engine::ModuleHash module = {}) const;

  /// An executing call of this step has ended so. A build whose first calls all fail where the one
  /// before it had succeeded is taken back.
  void ended(const StepModule& step, const engine::Outcome& outcome) const;

  /// No call is under way and none will come: lets the plugins end their threads, one after the
  /// other, within the budget. Says which did not, and why.
  [[nodiscard]] std::vector<std::string> quiesce(std::chrono::milliseconds budget);

 private:
  using Build = std::shared_ptr<PluginBuild>;
  /// A file that was judged good, and its place among those of one version: the earlier comes
  /// first.
  struct KnownFile {
    Candidate candidate;
    std::size_t place = 0;
  };
  struct Earlier {
    Build build;
    engine::TimePoint replaced_at;
  };

  void look_at(const std::filesystem::path& file, std::vector<std::string>& ids, Loading& loading);
  [[nodiscard]] std::vector<const Candidate*> candidates_of(const std::string& id) const;
  [[nodiscard]] std::vector<std::string> ids_of_refused() const;
  void settle(const std::vector<std::string>& ids, Loading& loading);
  void settle(const std::string& id, Loading& loading);
  [[nodiscard]] Build choose(const std::string& id, Loading& loading);
  void lies_in(PluginBuild& build, const Candidate& candidate, Loading& loading);
  [[nodiscard]] std::variant<Build, std::string> build_of(const Candidate& candidate);
  [[nodiscard]] std::variant<Build, std::string> new_build(const Candidate& candidate);
  [[nodiscard]] Build stand_in(const std::string& id);
  [[nodiscard]] Build remembered(const ModuleRecord& record, Loading& loading);
  [[nodiscard]] Build replaced_build(std::string_view id) const;
  [[nodiscard]] bool stands_by(const Build& build) const;
  void take_back_if_failing(const std::string& id, Loading& loading);
  void make_current(const std::string& id, Build next, Loading& loading);
  void make_earlier(const Build& build, engine::TimePoint at, Standing standing, Loading& loading);
  void begin_trial(const PluginBuild& next, const PluginBuild& before) const;
  void record(const Build& build, std::optional<engine::TimePoint> replaced_at,
              const std::string& taken_back = {}) const;
  void stand(const std::string& id, Standing standing);
  [[nodiscard]] std::string keep_copy(const Candidate& candidate) const;
  [[nodiscard]] std::string clash(const PluginBuild& build) const;
  [[nodiscard]] std::string same_version(const Candidate& candidate) const;
  void refuse(PluginLine line, Loading& loading);
  void publish(Loading& loading);
  void tidy() const;

  const std::shared_ptr<const RegistrySettings> settings_;
  const ModuleFolder folder_;
  std::mutex loading_;  // held while loading; guards the writing of what follows
  BuildLoader loader_;
  std::map<std::filesystem::path, KnownFile> files_;
  std::map<std::filesystem::path, std::size_t> places_;
  // Of builds of earlier processes: until restore all of them, then those that did not load again.
  std::vector<ModuleRecord> records_;
  std::map<engine::ModuleHash, std::string> back_;  // builds that were taken back, and why
  std::vector<Build> here_;  // all that have run in this process: they are never let go

  mutable std::shared_mutex readers_;  // guards what follows against those who read meanwhile
  std::map<std::string, Build, std::less<>> loaded_;  // by plugin id
  std::vector<Earlier> earlier_;                      // the latest first
  std::map<std::string, PluginLine> refused_;         // by file
  std::map<std::string, std::vector<std::shared_ptr<const StepModule>>, std::less<>> steps_;
  // Shared with those who were handed it; never changes, it is replaced.
  std::shared_ptr<const engine::Catalogue> catalogue_;

  mutable std::mutex failing_mutex_;
  mutable std::map<engine::ModuleHash, std::string>
      failing_;  // builds on trial that failed, and how
};

}  // namespace stepd::plugin
