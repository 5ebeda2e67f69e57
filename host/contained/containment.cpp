#include "host/contained/containment.hpp"

#include <utility>

#include "host/contained/description.hpp"
#include "host/contained/process_module.hpp"

namespace stepd::contained {

std::variant<plugin::ContainedPlugin, plugin::BadDescription> ProcessContainment::open(
    const std::filesystem::path& module, const std::string& plugin) {
  KillUnlessKept live(LiveProcess::start(floor_, plugin));
  auto described = live->open(module);
  if (auto* fault = std::get_if<LiveProcess::Fault>(&described)) {
    return plugin::BadDescription{std::move(*fault)};
  }
  auto checked = checked_again(std::get<Described>(described));
  if (auto* bad = std::get_if<plugin::BadDescription>(&checked)) return std::move(*bad);
  return plugin::ContainedPlugin{
      .description = std::get<plugin::PluginDescription>(std::move(checked)),
      .module = std::make_shared<ProcessModule>(floor_, module, plugin, live.keep())};
}

}  // namespace stepd::contained
