#include "host/plugin/plugin_registry.hpp"

#include <algorithm>
#include <ranges>
#include <system_error>
#include <utility>

#include "host/plugin/plugin_start.hpp"
#include "host/plugin/plugin_version.hpp"

namespace stepd::plugin {

namespace {

PluginLine refused_line(const Candidate& candidate, std::string why) {
  PluginLine line;
  line.file = candidate.file.string();
  line.id = candidate.note.id;
  line.version = candidate.note.version;
  line.module = candidate.module.hash;
  line.sha256 = candidate.module.sha256;
  line.refused = std::move(why);
  return line;
}

std::string passed_over(const Candidate& candidate, const PluginBuild& taken) {
  const std::string that = "plugin " + taken.line.id + " is loaded as version " +
                           taken.line.version + " from " + taken.line.file;
  if (candidate.module.hash == taken.module.hash) {
    return sentence(candidate.file, "is the same build once more: " + that,
                    "remove one of the two");
  }
  return sentence(candidate.file,
                  "holds version " + candidate.note.version + ", which is no newer: " + that,
                  "remove the one you do not want");
}

}  // namespace

PluginRegistry::PluginRegistry(RegistrySettings settings)
    : settings_(std::make_shared<const RegistrySettings>(std::move(settings))),
      folder_(settings_->modules),
      loader_(settings_),
      records_(records_in(folder_)),
      catalogue_(std::make_shared<const engine::Catalogue>()) {
  for (const ModuleRecord& record : records_) {
    if (!record.taken_back.empty()) back_.emplace(record.module.hash, record.taken_back);
  }
}

PluginRegistry::~PluginRegistry() = default;

PluginRegistry::Loading PluginRegistry::load(const std::vector<std::filesystem::path>& files) {
  const std::lock_guard one_at_a_time(loading_);
  Loading loading;
  std::vector<std::string> ids;
  for (const auto& file : files) look_at(file, ids, loading);
  std::vector<std::filesystem::path> gone;
  for (const auto& [file, known] : files_) {
    if (is_gone(file)) gone.push_back(file);
  }
  for (const auto& file : gone) look_at(file, ids, loading);
  settle(ids, loading);
  const bool made_way = std::ranges::any_of(loading.lines, [](const PluginLine& line) {
    return line.standing == Standing::replaced || line.standing == Standing::withdrawn;
  });
  if (made_way) settle(ids_of_refused(), loading);
  publish(loading);
  return loading;
}

/// Of plugins that have files and of which none is loaded: another one may have stood in the way.
std::vector<std::string> PluginRegistry::ids_of_refused() const {
  std::vector<std::string> ids;
  for (const auto& [file, known] : files_) {
    const std::string& id = known.candidate.note.id;
    if (!loaded_.contains(id)) ids.push_back(id);
  }
  return ids;
}

void PluginRegistry::settle(const std::vector<std::string>& ids, Loading& loading) {
  std::set<std::string_view> settled;
  for (const std::string& id : ids) {
    if (settled.insert(id).second) settle(id, loading);
  }
}

/// What is known of the file is known anew. Adds the plugins that it concerns.
void PluginRegistry::look_at(const std::filesystem::path& file, std::vector<std::string>& ids,
                             Loading& loading) {
  {
    const std::unique_lock lock(readers_);
    refused_.erase(file.string());
  }
  for (const auto& [id, build] : loaded_) {
    if (build->line.file == file.string()) ids.push_back(id);
  }
  if (const auto known = files_.find(file); known != files_.end()) {
    ids.push_back(known->second.candidate.note.id);
    files_.erase(known);
  }
  std::error_code unknown;
  if (!std::filesystem::exists(std::filesystem::symlink_status(file, unknown))) return;
  auto read = read_plugin_file(file);
  if (auto* refusal = std::get_if<Refusal>(&read)) {
    PluginLine line;
    line.file = file.string();
    line.refused = std::move(refusal->sentence);
    return refuse(std::move(line), loading);
  }
  const auto& judged = std::get<PluginFile>(read);
  Candidate candidate{file, judged.note, folder_.module_of(judged.bytes)};
  const auto trust = judge_trust(settings_->trust, judged, candidate.module);
  ids.push_back(candidate.note.id);
  const auto loaded = loaded_.find(candidate.note.id);
  const bool runs = loaded != loaded_.end() && loaded->second->module.hash == candidate.module.hash;
  if (const auto* refusal = std::get_if<Refusal>(&trust); refusal && !runs) {
    return refuse(refused_line(candidate, refusal->sentence), loading);
  }
  candidate.trust = trust_of_loaded(trust);
  const std::size_t place = places_.try_emplace(file, places_.size()).first->second;
  files_.emplace(file, KnownFile{std::move(candidate), place});
}

/// The highest version first; of equal ones the file that was seen first.
std::vector<const Candidate*> PluginRegistry::candidates_of(const std::string& id) const {
  std::vector<const KnownFile*> known;
  for (const auto& [file, each] : files_) {
    if (each.candidate.note.id == id) known.push_back(&each);
  }
  std::ranges::sort(known, [](const KnownFile* left, const KnownFile* right) {
    const auto order =
        compare_versions(left->candidate.note.version, right->candidate.note.version);
    return order != 0 ? order > 0 : left->place < right->place;
  });
  std::vector<const Candidate*> candidates;
  for (const KnownFile* each : known) candidates.push_back(&each->candidate);
  return candidates;
}

/// Brings what is loaded of this plugin in line with its files.
void PluginRegistry::settle(const std::string& id, Loading& loading) {
  try {
    take_back_if_failing(id, loading);
    make_current(id, choose(id, loading), loading);
  } catch (const std::system_error& error) {
    // What was loaded stays so.
    const auto candidates = candidates_of(id);
    const auto loaded = loaded_.find(id);
    PluginLine line;
    if (!candidates.empty()) {
      line = refused_line(*candidates.front(), {});
    } else if (loaded != loaded_.end()) {
      line = loaded->second->line;
    }
    line.refused = sentence(line.file, std::string("cannot be taken up: ") + error.what(),
                            "make room, then copy the file here again");
    refuse(std::move(line), loading);
  }
}

/// The build that is to be loaded; null: none. One that has run and is no worse stays in the place
/// of those that are refused.
PluginRegistry::Build PluginRegistry::choose(const std::string& id, Loading& loading) {
  const auto current = loaded_.find(id);
  Build chosen;
  bool some_refused = current != loaded_.end() && refused_.contains(current->second->line.file);
  for (const Candidate* candidate : candidates_of(id)) {
    const Build stays = !chosen && some_refused ? stand_in(id) : nullptr;
    if (stays && stays->module.hash != candidate->module.hash &&
        compare_versions(stays->line.version, candidate->note.version) > 0) {
      chosen = stays;
    }
    if (chosen) {
      refuse(refused_line(*candidate, passed_over(*candidate, *chosen)), loading);
      continue;
    }
    auto build = build_of(*candidate);
    if (auto* refusal = std::get_if<std::string>(&build)) {
      refuse(refused_line(*candidate, std::move(*refusal)), loading);
      some_refused = true;
      continue;
    }
    chosen = std::get<Build>(std::move(build));
    lies_in(*chosen, *candidate, loading);
  }
  return chosen || !some_refused ? chosen : stand_in(id);
}

/// The build's file is this one, and so is what stands behind it.
void PluginRegistry::lies_in(PluginBuild& build, const Candidate& candidate, Loading& loading) {
  const std::unique_lock lock(readers_);
  const auto& [signed_by, warning] = candidate.trust;
  const bool is_doubted = !warning.empty() && warning != build.line.warning;
  build.line.file = candidate.file.string();
  build.line.signed_by = signed_by;
  build.line.warning = warning;
  refused_.erase(build.line.file);
  if (is_doubted) loading.doubted.push_back(build.line);
}

/// What this file holds, loaded, or a refusal.
std::variant<PluginRegistry::Build, std::string> PluginRegistry::build_of(
    const Candidate& candidate) {
  if (const auto back = back_.find(candidate.module.hash); back != back_.end()) {
    return sentence(candidate.file, back->second, "copy a corrected build here");
  }
  const auto loaded = loaded_.find(candidate.note.id);
  const auto is_this = [&](const Build& build) {
    return build->module.hash == candidate.module.hash;
  };
  if (loaded != loaded_.end() && is_this(loaded->second)) return loaded->second;
  if (auto refusal = same_version(candidate); !refusal.empty()) return refusal;
  const auto earlier = std::ranges::find_if(earlier_, is_this, &Earlier::build);
  if (earlier == earlier_.end()) return new_build(candidate);
  if (auto fact = clash(*earlier->build); !fact.empty()) {
    return sentence(candidate.file, fact, "remove one of the two");
  }
  return earlier->build;
}

std::variant<PluginRegistry::Build, std::string> PluginRegistry::new_build(
    const Candidate& candidate) {
  if (auto refusal = keep_copy(candidate); !refusal.empty()) return refusal;
  auto opened = loader_.open(candidate);
  auto* build = std::get_if<Build>(&opened);
  if (!build) return opened;
  if (auto fact = clash(**build); !fact.empty()) {
    return sentence(candidate.file, fact, "remove one of the two");
  }
  if (!(*build)->contained) here_.push_back(*build);
  if (auto refusal = loader_.start(*build, candidate); !refusal.empty()) return refusal;
  return opened;
}

/// Empty: the bytes that were judged are where builds are loaded from.
std::string PluginRegistry::keep_copy(const Candidate& candidate) const {
  auto read = read_plugin_file(candidate.file);
  const auto* whole = std::get_if<PluginFile>(&read);
  if (!whole || folder_.module_of(whole->bytes).hash != candidate.module.hash) {
    return sentence(candidate.file, "changed while it was looked at",
                    "it is looked at again once it is whole");
  }
  try {
    folder_.keep(candidate.module, whole->bytes);
    return {};
  } catch (const std::system_error& error) {
    return sentence(candidate.file, std::string("cannot be copied: ") + error.what(),
                    "make room, then copy the file here again");
  }
}

/// The latest build of the plugin that may be loaded; it has run before.
PluginRegistry::Build PluginRegistry::stand_in(const std::string& id) {
  if (const auto loaded = loaded_.find(id); loaded != loaded_.end()) return loaded->second;
  if (Build replaced = replaced_build(id)) return clash(*replaced).empty() ? replaced : nullptr;
  for (const ModuleRecord& record : records_) {
    if (record.note.id != id || record.replaced_at || !record.taken_back.empty()) continue;
    Loading unheard;
    const Build build = remembered(record, unheard);
    return build && clash(*build).empty() ? build : nullptr;
  }
  return nullptr;
}

/// A build that an earlier process has run, from its copy; null: it does not load any more.
PluginRegistry::Build PluginRegistry::remembered(const ModuleRecord& record, Loading& loading) {
  {
    const std::unique_lock lock(readers_);
    refused_.erase(record.module.file.string());
  }
  const Candidate candidate{
      record.file, record.note, record.module, {.signed_by = record.signed_by, .warning = {}}};
  const auto distrust =
      distrusted(settings_->trust, candidate.note, candidate.module, candidate.trust);
  auto opened =
      distrust ? std::variant<Build, std::string>(record.module.file.string() + " " + *distrust)
               : loader_.open(candidate);
  std::string refusal;
  if (const auto* build = std::get_if<Build>(&opened)) {
    if (!(*build)->contained) here_.push_back(*build);
    refusal = loader_.start(*build, candidate);
    if (refusal.empty()) return *build;
  } else {
    refusal = std::get<std::string>(std::move(opened));
  }
  PluginLine line = refused_line(candidate, std::move(refusal));
  line.file = record.module.file.string();
  refuse(std::move(line), loading);
  return nullptr;
}

/// Other bytes under a name that has run are not what people take them for (empty: they are not).
std::string PluginRegistry::same_version(const Candidate& candidate) const {
  if (settings_->dev) return {};
  const auto is_another = [&](const PluginNote& note, engine::ModuleHash module) {
    return note.id == candidate.note.id && note.version == candidate.note.version &&
           module != candidate.module.hash;
  };
  bool found = false;
  const auto look = [&](const PluginLine& line) {
    found = found || is_another({0, line.id, line.version}, line.module);
  };
  for (const auto& [id, build] : loaded_) look(build->line);
  for (const Earlier& earlier : earlier_) look(earlier.build->line);
  for (const ModuleRecord& record : records_) {
    found = found || (settings_->oldest_job && is_another(record.note, record.module.hash));
  }
  if (!found) return {};
  return sentence(candidate.file,
                  "is another build of " + candidate.note.id + " " + candidate.note.version +
                      " than the one that jobs have been given to",
                  "give it a version of its own, or start stepd with --dev while you try builds "
                  "out");
}

std::string PluginRegistry::clash(const PluginBuild& build) const {
  for (const StepModule& step : build.steps) {
    for (const auto& [id, other] : loaded_) {
      if (id == build.line.id) continue;
      const auto& types = other->line.step_types;
      if (std::ranges::find(types, step.type.name) == types.end()) continue;
      return "offers the step type " + step.type.name + ", which " + id + " " +
             other->line.version + " from " + other->line.file + " offers already";
    }
  }
  return {};
}

/// A line that was told before is not told again.
void PluginRegistry::refuse(PluginLine line, Loading& loading) {
  line.standing = Standing::refused;
  const std::unique_lock lock(readers_);
  PluginLine& known = refused_[line.file];
  if (known == line) return;
  known = line;
  loading.lines.push_back(std::move(line));
}

std::shared_ptr<const engine::Catalogue> PluginRegistry::catalogue() const {
  const std::shared_lock lock(readers_);
  return catalogue_;
}

std::vector<PluginLine> PluginRegistry::lines() const {
  const std::shared_lock lock(readers_);
  std::vector<PluginLine> all;
  for (const auto& [id, build] : loaded_) all.push_back(build->line);
  for (const Earlier& earlier : earlier_) all.push_back(earlier.build->line);
  for (const auto& [file, line] : refused_) all.push_back(line);
  return all;
}

std::shared_ptr<const StepModule> PluginRegistry::find(std::string_view step_type,
                                                       engine::ModuleHash module) const {
  const std::shared_lock lock(readers_);
  const auto found = steps_.find(step_type);
  if (found == steps_.end()) return nullptr;
  if (module == engine::ModuleHash{}) {
    const auto* loaded = catalogue_->find(step_type);
    if (!loaded) return nullptr;
    module = loaded->module;
  }
  for (const auto& step : found->second) {
    if (step->type.module == module) return step;
  }
  return nullptr;
}

void PluginRegistry::ended(const StepModule& step, const engine::Outcome& outcome) const {
  if (!step.conduct || !step.conduct->ended(outcome.kind)) return;
  {
    const std::lock_guard lock(failing_mutex_);
    failing_.emplace(step.type.module, step.type.name + " failed (the last: " + outcome.error.code +
                                           ": " + outcome.error.message + ")");
  }
  std::string file;
  {
    const std::shared_lock lock(readers_);
    for (const auto& [id, build] : loaded_) {
      if (build->module.hash == step.type.module) file = build->line.file;
    }
  }
  if (!file.empty() && settings_->look_again) settings_->look_again(file);
}

std::vector<std::string> PluginRegistry::quiesce(std::chrono::milliseconds budget) {
  const std::lock_guard one_at_a_time(loading_);
  const auto end = std::chrono::steady_clock::now() + budget;
  std::vector<Build> all;
  for (const auto& [id, build] : loaded_) all.push_back(build);
  for (const Earlier& earlier : earlier_) all.push_back(earlier.build);
  std::ranges::copy_if(here_, std::back_inserter(all), [&all](const Build& build) {
    return std::ranges::find(all, build) == all.end();
  });
  std::vector<std::string> restless;
  for (const Build& build : all) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    const auto trouble =
        build->contained ? build->contained->quiesce(left) : plugin::quiesce(*build->here, left);
    if (trouble) restless.push_back(build->line.id + " " + *trouble);
  }
  return restless;
}

}  // namespace stepd::plugin
