#include "host/plugin/plugin_registry.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <set>
#include <system_error>

#include "host/plugin/module_library.hpp"
#include "host/plugin/plugin_file.hpp"
#include "host/plugin/plugin_init.hpp"
#include "host/plugin/plugin_start.hpp"
#include "host/plugin/plugin_version.hpp"

namespace stepd::plugin {

/// A file that was judged good. Its module is kept, unless its plugin is loaded already.
struct PluginRegistry::Candidate {
  std::filesystem::path file;
  PluginNote note;
  Module module;
};

struct PluginRegistry::LoadedPlugin {
  PluginLine line;
  std::filesystem::path copy;
  std::vector<StepModule> steps;
  std::shared_ptr<ContainedModule> contained;  // null: its code is here
  const stepd_plugin* here = nullptr;
  std::optional<HostFacts> host;  // what a plugin here was handed, which it may keep
};

namespace {

constexpr std::string_view report_cure =
    "rebuild it with the stepd SDK, or tell its author; then copy the new file here";

std::string sentence(const std::filesystem::path& file, std::string_view fact,
                     std::string_view cure) {
  return file.string() + " " + std::string(fact) + "; " + std::string(cure);
}

PluginLine line_of(const PluginDescription& description, const std::filesystem::path& file,
                   engine::ModuleHash hash) {
  PluginLine line;
  line.file = file.string();
  line.id = description.id;
  line.version = description.version;
  line.sdk = description.sdk;
  line.module = hash;
  for (const StepModule& step : description.steps) line.step_types.push_back(step.type.name);
  std::sort(line.step_types.begin(), line.step_types.end());
  return line;
}

}  // namespace

PluginRegistry::PluginRegistry(RegistrySettings settings)
    : settings_(std::make_shared<const RegistrySettings>(std::move(settings))),
      folder_(settings_->modules),
      catalogue_(std::make_shared<const engine::Catalogue>()) {
  settle_unfinished_starts(settings_->modules, settings_->init_crashed);
}

PluginRegistry::~PluginRegistry() = default;

PluginRegistry::Loading PluginRegistry::load(const std::vector<std::filesystem::path>& files) {
  const std::lock_guard one_at_a_time(loading_);
  Loading loading;
  std::vector<Candidate> candidates;
  for (const auto& file : files) {
    if (auto found = candidate(file, loading)) candidates.push_back(std::move(*found));
  }
  // Files of one plugin stand together, the highest version first; plugins keep their order.
  std::map<std::string, std::size_t> place_of_id;
  for (const Candidate& one : candidates) place_of_id.emplace(one.note.id, place_of_id.size());
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&place_of_id](const Candidate& left, const Candidate& right) {
                     if (left.note.id != right.note.id) {
                       return place_of_id[left.note.id] < place_of_id[right.note.id];
                     }
                     return compare_versions(left.note.version, right.note.version) > 0;
                   });
  for (const Candidate& one : candidates) {
    std::string refusal = load_one(one);
    if (refusal.empty()) {
      const LoadedPlugin* loaded = loaded_with_id(one.note.id);
      loading.lines.push_back(loaded->line);
      continue;
    }
    PluginLine line{one.file.string(), one.note.id, one.note.version, {}, one.module.hash, {}, {}};
    line.refused = std::move(refusal);
    refuse(std::move(line), loading);
  }
  loading.catalogue_changed = std::any_of(loading.lines.begin(), loading.lines.end(),
                                          [](const auto& line) { return line.refused.empty(); });
  return loading;
}

std::optional<PluginRegistry::Candidate> PluginRegistry::candidate(
    const std::filesystem::path& file, Loading& loading) {
  {
    const std::unique_lock lock(readers_);
    refused_.erase(file.string());
  }
  std::error_code unknown;
  if (!std::filesystem::exists(std::filesystem::symlink_status(file, unknown))) return std::nullopt;
  auto read = read_plugin_file(file);
  if (auto* refusal = std::get_if<Refusal>(&read)) {
    refuse({file.string(), {}, {}, {}, {}, {}, std::move(refusal->sentence)}, loading);
    return std::nullopt;
  }
  const auto& whole = std::get<PluginFile>(read);
  try {
    Candidate found{file, whole.note, folder_.module_of(whole.bytes)};
    const LoadedPlugin* loaded = loaded_with_id(found.note.id);
    const bool is_the_loaded_one = loaded != nullptr && loaded->line.file == file.string() &&
                                   loaded->copy == found.module.file;
    if (is_the_loaded_one) return std::nullopt;
    // Beside a loaded plugin it will be refused.
    if (loaded == nullptr) folder_.keep(found.module, whole.bytes);
    return found;
  } catch (const std::system_error& error) {
    refuse({file.string(),
            whole.note.id,
            whole.note.version,
            {},
            {},
            {},
            sentence(file, std::string("cannot be copied: ") + error.what(),
                     "make room, then copy the file here again")},
           loading);
    return std::nullopt;
  }
}

std::string PluginRegistry::load_one(const Candidate& candidate) {
  if (const LoadedPlugin* loaded = loaded_with_id(candidate.note.id)) {
    return refused_beside(candidate, *loaded);
  }
  const bool apart =
      settings_->containment != nullptr && !settings_->in_process.contains(candidate.note.id);
  auto opened = apart ? open_contained(candidate) : open(candidate);
  if (auto* refusal = std::get_if<std::string>(&opened)) return std::move(*refusal);
  auto& plugin = std::get<Loaded>(opened);
  if (plugin->line.id != candidate.note.id || plugin->line.version != candidate.note.version) {
    return sentence(candidate.file,
                    "calls itself " + candidate.note.id + " " + candidate.note.version +
                        " in its note and " + plugin->line.id + " " + plugin->line.version +
                        " in its code",
                    "build all of it anew from one source");
  }
  if (auto fact = clash(plugin->steps); !fact.empty()) {
    return sentence(candidate.file, fact, "remove one of the two, then restart stepd");
  }
  if (auto refusal = start(plugin, candidate); !refusal.empty()) return refusal;
  add(std::move(plugin));
  return {};
}

/// Into this process, once another one has shown that this does it no harm.
std::variant<PluginRegistry::Loaded, std::string> PluginRegistry::open(const Candidate& candidate) {
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
  auto plugin = loaded_from(candidate, std::move(library.description));
  plugin->here = library.plugin;
  plugin->line.in_process = true;
  return plugin;
}

std::variant<PluginRegistry::Loaded, std::string> PluginRegistry::open_contained(
    const Candidate& candidate) const {
  try {
    auto opened = settings_->containment->open(candidate.module.file, candidate.note.id);
    if (auto* bad = std::get_if<BadDescription>(&opened)) {
      return sentence(candidate.file, bad->fact, report_cure);
    }
    auto& contained = std::get<ContainedPlugin>(opened);
    auto plugin = loaded_from(candidate, std::move(contained.description));
    plugin->contained = std::move(contained.module);
    return plugin;
  } catch (const std::system_error& error) {
    return sentence(candidate.file, std::string("cannot be tried: ") + error.what(),
                    "free memory and processes, then restart stepd");
  }
}

PluginRegistry::Loaded PluginRegistry::loaded_from(const Candidate& candidate,
                                                   PluginDescription description) {
  auto plugin = std::make_shared<LoadedPlugin>();
  plugin->line = line_of(description, candidate.file, candidate.module.hash);
  plugin->copy = candidate.module.file;
  plugin->steps = std::move(description.steps);
  return plugin;
}

std::optional<std::string> PluginRegistry::refused_for_an_earlier_start(
    const Candidate& candidate) {
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

/// Empty: it has started.
std::string PluginRegistry::start(const Loaded& plugin, const Candidate& candidate) {
  const auto configured = settings_->configuration.find(plugin->line.id);
  const boost::json::object configuration =
      configured == settings_->configuration.end() ? boost::json::object{} : configured->second;
  for (StepModule& step : plugin->steps) {
    step.type.module = plugin->line.module;
    step.contained = plugin->contained;
  }
  if (!plugin->contained) return start_here(plugin, candidate, configuration);
  const auto fact = plugin->contained->start(boost::json::serialize(configuration));
  if (!fact) return {};
  return sentence(candidate.file, *fact,
                  "correct its configuration, or copy a corrected build here, then restart stepd");
}

std::string PluginRegistry::start_here(const Loaded& plugin, const Candidate& candidate,
                                       const boost::json::object& configuration) {
  const auto values = by_key(configuration);
  for (StepModule& step : plugin->steps) step.configuration = values;
  plugin->host.emplace(settings_->host_version, [settings = settings_, id = plugin->line.id](
                                                    std::int32_t level, std::string_view text) {
    if (settings->log) settings->log(id, level, text);
  });
  if (!STEPD_HAS_FUNCTION(plugin->here, init)) return {};
  try {
    const auto fact =
        run_init(candidate.module.file, settings_->init_limit,
                 [plugin, text = boost::json::serialize(configuration)] {
                   return initialise(*plugin->here, *plugin->host, text).value_or(std::string());
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

std::string PluginRegistry::refused_beside(const Candidate& candidate,
                                           const LoadedPlugin& loaded) const {
  const std::string that = "plugin " + loaded.line.id + " is loaded as version " +
                           loaded.line.version + " from " + loaded.line.file;
  const bool same_file = candidate.file.string() == loaded.line.file;
  const bool newer = compare_versions(candidate.note.version, loaded.line.version) > 0;
  if (loaded.copy == candidate.module.file) {
    return sentence(candidate.file, "is the same build once more: " + that,
                    "remove one of the two");
  }
  if (same_file || newer) {
    return sentence(candidate.file,
                    "holds build " + candidate.note.version + ", which waits: " + that,
                    "restart stepd to take the new build");
  }
  return sentence(candidate.file,
                  "holds version " + candidate.note.version + ", which is no newer: " + that,
                  "remove the one you do not want, then restart stepd");
}

std::string PluginRegistry::clash(const std::vector<StepModule>& steps) const {
  for (const StepModule& step : steps) {
    const auto taken = steps_.find(step.type.name);
    if (taken == steps_.end()) continue;
    const auto& owner = *std::find_if(loaded_.begin(), loaded_.end(), [&](const auto& plugin) {
      const auto& types = plugin->line.step_types;
      return std::find(types.begin(), types.end(), step.type.name) != types.end();
    });
    return "offers the step type " + step.type.name + ", which " + taken->second->type.plugin +
           " from " + owner->line.file + " offers already";
  }
  return {};
}

void PluginRegistry::add(Loaded plugin) {
  auto next = std::make_shared<engine::Catalogue>(*catalogue_);
  for (const StepModule& step : plugin->steps) {
    next->types.emplace(step.type.name, step.type);
  }
  const std::unique_lock lock(readers_);
  for (const StepModule& step : plugin->steps) {
    steps_.emplace(step.type.name, &step);
  }
  catalogue_ = std::move(next);
  loaded_.push_back(std::move(plugin));
}

void PluginRegistry::refuse(PluginLine line, Loading& loading) {
  loading.lines.push_back(line);
  const std::unique_lock lock(readers_);
  refused_.insert_or_assign(line.file, std::move(line));
}

const PluginRegistry::LoadedPlugin* PluginRegistry::loaded_with_id(std::string_view id) const {
  const auto found = std::find_if(loaded_.begin(), loaded_.end(),
                                  [id](const auto& plugin) { return plugin->line.id == id; });
  return found == loaded_.end() ? nullptr : found->get();
}

void PluginRegistry::tidy() {
  const std::lock_guard one_at_a_time(loading_);
  std::set<std::filesystem::path> kept = crashed_;
  for (const auto& plugin : loaded_) {
    kept.insert(plugin->copy);
    kept.insert(crashed_file_of(plugin->copy));
  }
  folder_.remove_all_but(kept);
}

std::shared_ptr<const engine::Catalogue> PluginRegistry::catalogue() const {
  const std::shared_lock lock(readers_);
  return catalogue_;
}

std::vector<PluginLine> PluginRegistry::lines() const {
  const std::shared_lock lock(readers_);
  std::vector<PluginLine> all;
  for (const auto& plugin : loaded_) all.push_back(plugin->line);
  for (const auto& [file, line] : refused_) all.push_back(line);
  return all;
}

const StepModule* PluginRegistry::find(std::string_view step_type) const {
  const std::shared_lock lock(readers_);
  const auto found = steps_.find(step_type);
  return found == steps_.end() ? nullptr : found->second;
}

std::vector<std::string> PluginRegistry::quiesce(std::chrono::milliseconds budget) {
  const std::lock_guard one_at_a_time(loading_);
  const auto end = std::chrono::steady_clock::now() + budget;
  std::vector<std::string> restless;
  for (const auto& loaded : loaded_) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    const auto trouble =
        loaded->contained ? loaded->contained->quiesce(left) : plugin::quiesce(*loaded->here, left);
    if (trouble) restless.push_back(loaded->line.id + " " + *trouble);
  }
  return restless;
}

}  // namespace stepd::plugin
