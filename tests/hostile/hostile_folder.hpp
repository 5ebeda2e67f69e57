#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "host/contained/containment.hpp"
#include "host/plugin/plugin_registry.hpp"
#include "tests/support/temporary_folder.hpp"

namespace stepd::tests {

/// One of the small plugins that are built for tests, whole.
[[nodiscard]] std::string plugin_bytes(const std::string& name);

/// What must hold of every refusal: it names the file, the cause and the cure.
void demand_refusal(const plugin::PluginLine& line);

/// A plugins folder of a host whose plugins run in processes of their own, and which has little
/// patience. Judges files one by one and demands what must hold of each: it is loaded, and whatever
/// a call of its step does is an outcome, or it is refused as it should be.
class HostileFolder {
 public:
  HostileFolder();
  HostileFolder(const HostileFolder&) = delete;
  HostileFolder& operator=(const HostileFolder&) = delete;

  [[nodiscard]] std::filesystem::path file(const std::string& name) const { return folder_ / name; }
  void judge(const std::filesystem::path& file);
  /// The file is gone afterwards, unless this process ends meanwhile: then it tells by what.
  void judge_bytes(std::uint64_t number, const std::string& bytes);
  /// The end: demands that no process and no descriptor is left.
  void demand_nothing_left();

  /// Of a registry that has all that the others have.
  [[nodiscard]] plugin::RegistrySettings settings();

  struct Count {
    std::size_t judged = 0;
    std::size_t tried = 0;  // in a process
    std::size_t loaded = 0;
    std::size_t succeeded = 0;  // calls of what was loaded
  };
  [[nodiscard]] const Count& count() const { return count_; }

 private:
  /// Counts who gets so far.
  class Tried final : public plugin::Containment {
   public:
    Tried(contained::ProcessSettings settings, std::size_t& count)
        : processes_(std::move(settings)), count_(count) {}
    std::variant<plugin::ContainedPlugin, plugin::BadDescription> open(
        const std::filesystem::path& module, const std::string& plugin) override {
      ++count_;
      return processes_.open(module, plugin);
    }

   private:
    contained::ProcessContainment processes_;
    std::size_t& count_;
  };

  void call(const plugin::PluginRegistry& registry, const std::string& type);

  const std::size_t descriptors_before_;
  support::TemporaryFolder root_;
  std::filesystem::path folder_;
  Count count_;
  std::optional<Tried> containment_;
};

}  // namespace stepd::tests
