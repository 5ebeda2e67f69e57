#include "host/plugin/build_loader.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <system_error>
#include <utility>

#include "host/plugin/module_library.hpp"
#include "host/plugin/plugin_start.hpp"
#include "host/plugin/step_conduct.hpp"

namespace stepd::plugin {

namespace {

constexpr std::string_view report_cure =
    "rebuild it with the stepd SDK, or tell its author; then copy the new file here";

PluginLine line_of(const PluginDescription& description, const Candidate& candidate) {
  PluginLine line;
  line.file = candidate.file.string();
  line.id = description.id;
  line.version = description.version;
  line.sdk = description.sdk;
  line.module = candidate.module.hash;
  line.sha256 = candidate.module.sha256;
  line.signed_by = candidate.trust.signed_by;
  line.warning = candidate.trust.warning;
  for (const StepModule& step : description.steps) line.step_types.push_back(step.type.name);
  std::sort(line.step_types.begin(), line.step_types.end());
  return line;
}

std::shared_ptr<PluginBuild> build_from(const Candidate& candidate, PluginDescription description) {
  auto build = std::make_shared<PluginBuild>();
  build->line = line_of(description, candidate);
  build->module = candidate.module;
  build->steps = std::move(description.steps);
  return build;
}

}  // namespace

BuildLoader::BuildLoader(std::shared_ptr<const RegistrySettings> settings)
    : settings_(std::move(settings)) {
  settle_unfinished_starts(settings_->modules, settings_->init_crashed);
}

BuildLoader::Opened BuildLoader::open(const Candidate& candidate) {
  const bool apart =
      settings_->containment != nullptr && !settings_->in_process.contains(candidate.note.id);
  auto opened = apart ? open_contained(candidate) : open_here(candidate);
  const auto* build = std::get_if<std::shared_ptr<PluginBuild>>(&opened);
  if (!build) return opened;
  const PluginLine& line = (*build)->line;
  if (line.id == candidate.note.id && line.version == candidate.note.version) return opened;
  return sentence(candidate.file,
                  "calls itself " + candidate.note.id + " " + candidate.note.version +
                      " in its note and " + line.id + " " + line.version + " in its code",
                  "build all of it anew from one source");
}

/// Into this process, once another one has shown that this does it no harm.
BuildLoader::Opened BuildLoader::open_here(const Candidate& candidate) {
  if (auto refusal = refused_for_an_earlier_start(candidate)) return *std::move(refusal);
  try {
    if (auto fact = probe(settings_->probe, candidate.module.file)) {
      return sentence(candidate.file, *fact, report_cure);
    }
  } catch (const std::system_error& error) {
    return sentence(candidate.file, std::string("cannot be tried: ") + error.what(),
                    "free memory and processes, then restart stepd");
  }
  auto opened = open_module(candidate.module.file);
  if (auto* bad = std::get_if<BadDescription>(&opened)) {
    return sentence(candidate.file, bad->fact, report_cure);
  }
  auto& library = std::get<ModuleLibrary>(opened);
  auto build = build_from(candidate, std::move(library.description));
  build->here = library.plugin;
  build->line.in_process = true;
  return build;
}

BuildLoader::Opened BuildLoader::open_contained(const Candidate& candidate) const {
  try {
    auto opened = settings_->containment->open(candidate.module.file, candidate.note.id);
    if (auto* bad = std::get_if<BadDescription>(&opened)) {
      return sentence(candidate.file, bad->fact, report_cure);
    }
    auto& contained = std::get<ContainedPlugin>(opened);
    auto build = build_from(candidate, std::move(contained.description));
    build->contained = std::move(contained.module);
    return build;
  } catch (const std::system_error& error) {
    return sentence(candidate.file, std::string("cannot be tried: ") + error.what(),
                    "free memory and processes, then restart stepd");
  }
}

std::optional<std::string> BuildLoader::refused_for_an_earlier_start(const Candidate& candidate) {
  if (const auto crashed = crashed_file_of(candidate.module.file);
      std::filesystem::exists(crashed)) {
    crashed_.insert(crashed);
    return sentence(candidate.file, "ended stepd when it was started",
                    "put a corrected build here, or remove " + crashed.string() +
                        " and restart stepd to try this one again");
  }
  if (hanging_.contains(candidate.note.id)) {
    return sentence(
        candidate.file,
        "cannot start: an init of plugin " + candidate.note.id + " has not returned yet",
        "restart stepd");
  }
  return std::nullopt;
}

std::string BuildLoader::start(const std::shared_ptr<PluginBuild>& build,
                               const Candidate& candidate) {
  const auto configured = settings_->configuration.find(build->line.id);
  const boost::json::object configuration =
      configured == settings_->configuration.end() ? boost::json::object{} : configured->second;
  for (StepModule& step : build->steps) {
    step.type.module = build->line.module;
    step.contained = build->contained;
    step.conduct = std::make_shared<StepConduct>();
  }
  if (!build->contained) return start_here(build, candidate, configuration);
  const auto fact = build->contained->start(boost::json::serialize(configuration));
  if (!fact) return {};
  return sentence(candidate.file, *fact,
                  "correct its configuration, or copy a corrected build here, then restart stepd");
}

std::string BuildLoader::start_here(const std::shared_ptr<PluginBuild>& build,
                                    const Candidate& candidate,
                                    const boost::json::object& configuration) {
  const auto values = by_key(configuration);
  for (StepModule& step : build->steps) step.configuration = values;
  build->host.emplace(settings_->host_version, [settings = settings_, id = build->line.id](
                                                   std::int32_t level, std::string_view text) {
    if (settings->log) settings->log(id, level, text);
  });
  if (!STEPD_HAS_FUNCTION(build->here, init)) return {};
  try {
    const auto fact =
        run_init(candidate.module.file, settings_->init_limit,
                 [build, text = boost::json::serialize(configuration)] {
                   return initialise(*build->here, *build->host, text).value_or(std::string());
                 });
    if (fact && fact->empty()) return {};
    if (fact) {
      return sentence(candidate.file, *fact, "correct its configuration, then restart stepd");
    }
  } catch (const std::system_error& error) {
    return sentence(candidate.file, std::string("cannot be started: ") + error.what(),
                    "free memory and processes, then restart stepd");
  }
  hanging_.insert(candidate.note.id);
  return sentence(candidate.file,
                  "does not start: its init has not returned within " +
                      std::to_string(settings_->init_limit.count()) + " ms",
                  "have it return at once and work in a thread of its own, then restart stepd");
}

}  // namespace stepd::plugin
