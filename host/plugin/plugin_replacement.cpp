#include <algorithm>
#include <ranges>
#include <utility>

#include "host/plugin/plugin_registry.hpp"
#include "host/plugin/plugin_start.hpp"

/// How a build takes the place of another, and for how long that one stays.
namespace stepd::plugin {

namespace {

/// A job may be made just after its build was replaced, by what was read just before.
constexpr std::chrono::minutes referred_to_for{1};

bool may_be_referred_to(engine::TimePoint replaced_at, std::optional<engine::TimePoint> oldest) {
  return oldest && *oldest <= replaced_at + referred_to_for;
}

const StepModule* step_of(const PluginBuild& build, std::string_view type) {
  const auto found =
      std::ranges::find(build.steps, type, [](const StepModule& step) { return step.type.name; });
  return found == build.steps.end() ? nullptr : &*found;
}

}  // namespace

/// What failed on trial is loaded no more, whatever file holds it.
void PluginRegistry::take_back_if_failing(const std::string& id, Loading& loading) {
  const auto loaded = loaded_.find(id);
  if (loaded == loaded_.end()) return;
  const Build failing = loaded->second;
  std::string how;
  {
    const std::lock_guard lock(failing_mutex_);
    const auto found = failing_.find(failing->module.hash);
    if (found == failing_.end()) return;
    how = found->second;
  }
  const Build before = replaced_build(id);
  if (!before) return;
  const std::string why = "holds build " + failing->line.version + " of " + id +
                          ", which was taken back for " + before->line.version + ": the first " +
                          std::to_string(StepConduct::trial_calls) + " calls of " + how;
  const auto now = settings_->now();
  // In this order: whatever happens in between, one of them takes new jobs.
  record(before, std::nullopt);
  record(failing, now, why);
  back_[failing->module.hash] = why;
  {
    const std::lock_guard lock(failing_mutex_);
    failing_.erase(failing->module.hash);
  }
  make_earlier(failing, now, Standing::withdrawn, loading);
  const std::unique_lock lock(readers_);
  loaded_.erase(id);
}

/// The latest of this plugin that could be loaded again; null: there is none.
PluginRegistry::Build PluginRegistry::replaced_build(std::string_view id) const {
  const auto found = std::ranges::find_if(earlier_, [id](const Earlier& earlier) {
    return earlier.build->line.id == id && earlier.build->line.standing == Standing::replaced;
  });
  return found == earlier_.end() ? nullptr : found->build;
}

/// The build is to come back if the one in its place fails.
bool PluginRegistry::stands_by(const Build& build) const {
  const auto loaded = loaded_.find(build->line.id);
  if (loaded == loaded_.end() || replaced_build(build->line.id) != build) return false;
  return std::ranges::any_of(loaded->second->steps,
                             [](const StepModule& step) { return step.conduct->is_on_trial(); });
}

/// Records come first: a host that begins anew finds there what jobs refer to.
void PluginRegistry::make_current(const std::string& id, Build next, Loading& loading) {
  const auto found = loaded_.find(id);
  const Build before = found == loaded_.end() ? nullptr : found->second;
  if (next == before) return;
  const auto now = settings_->now();
  if (next) record(next, std::nullopt);
  if (before) record(before, now);
  const bool has_run = next && std::ranges::find(earlier_, next, &Earlier::build) != earlier_.end();
  if (next && before && !has_run) begin_trial(*next, *before);
  if (has_run && next->contained) next->contained->recall();
  if (before) make_earlier(before, now, next ? Standing::replaced : Standing::withdrawn, loading);
  stand(id, next ? Standing::replaced : Standing::withdrawn);
  const std::unique_lock lock(readers_);
  std::erase_if(earlier_, [&](const Earlier& earlier) { return earlier.build == next; });
  if (next) {
    next->line.standing = Standing::loaded;
    loaded_[id] = next;
    loading.lines.push_back(next->line);
  } else {
    loaded_.erase(id);
  }
}

/// What jobs of an earlier build may expect goes by what becomes of the plugin.
void PluginRegistry::stand(const std::string& id, Standing standing) {
  const std::unique_lock lock(readers_);
  for (const Earlier& earlier : earlier_) {
    PluginLine& line = earlier.build->line;
    if (line.id != id) continue;
    line.standing = back_.contains(line.module) ? Standing::withdrawn : standing;
  }
}

void PluginRegistry::make_earlier(const Build& build, engine::TimePoint at, Standing standing,
                                  Loading& loading) {
  const std::unique_lock lock(readers_);
  build->line.standing = standing;
  loading.lines.push_back(build->line);
  earlier_.insert(earlier_.begin(), {build, at});
}

void PluginRegistry::retire_replaced() {
  const std::lock_guard one_at_a_time(loading_);
  for (const Earlier& earlier : earlier_) {
    if (earlier.build->contained) earlier.build->contained->retire();
  }
}

void PluginRegistry::begin_trial(const PluginBuild& next, const PluginBuild& before) const {
  for (const StepModule& step : next.steps) {
    const StepModule* old = step_of(before, step.type.name);
    if (old && old->conduct->succeeded_last()) step.conduct->put_on_trial();
  }
}

void PluginRegistry::record(const Build& build, std::optional<engine::TimePoint> replaced_at,
                            const std::string& taken_back) const {
  write_record({.module = build->module,
                .note = {0, build->line.id, build->line.version},
                .file = build->line.file,
                .replaced_at = replaced_at,
                .signed_by = build->line.signed_by,
                .taken_back = taken_back});
}

PluginRegistry::Loading PluginRegistry::restore() {
  const std::lock_guard one_at_a_time(loading_);
  Loading loading;
  std::vector<ModuleRecord> records = std::exchange(records_, {});
  // The latest last, so that it comes to stand first.
  std::ranges::sort(records, {}, [](const ModuleRecord& each) {
    return each.replaced_at.value_or(engine::TimePoint::max());
  });
  for (const ModuleRecord& each : records) {
    const auto loaded = loaded_.find(each.note.id);
    if (loaded != loaded_.end() && loaded->second->module.hash == each.module.hash) continue;
    const bool took_jobs = !each.replaced_at && each.taken_back.empty();
    const bool file_is_there = took_jobs && loaded == loaded_.end() && !is_gone(each.file);
    const auto replaced_at = each.replaced_at.value_or(settings_->now());
    if (!file_is_there && !may_be_referred_to(replaced_at, settings_->oldest_job)) continue;
    const Build build = remembered(each, loading);
    if (!build) {
      records_.push_back(each);  // it may come back when what is in its way is gone
      continue;
    }
    if (file_is_there && clash(*build).empty()) {
      make_current(each.note.id, build, loading);
    } else {
      Loading known;
      record(build, replaced_at, each.taken_back);
      make_earlier(build, replaced_at, Standing::withdrawn, known);
      stand(each.note.id, loaded != loaded_.end() ? Standing::replaced : Standing::withdrawn);
    }
  }
  publish(loading);
  tidy();
  return loading;
}

bool PluginRegistry::forget_builds(std::optional<engine::TimePoint> oldest) {
  const std::lock_guard one_at_a_time(loading_);
  {
    const std::unique_lock lock(readers_);
    std::vector<Earlier> kept;
    std::ranges::copy_if(earlier_, std::back_inserter(kept), [&](const Earlier& earlier) {
      return may_be_referred_to(earlier.replaced_at, oldest) || stands_by(earlier.build);
    });
    if (kept.size() == earlier_.size()) return false;
    earlier_ = std::move(kept);
  }
  Loading loading;
  publish(loading);
  tidy();
  return true;
}

/// What others see of all this, at once.
void PluginRegistry::publish(Loading& loading) {
  auto next = std::make_shared<engine::Catalogue>();
  decltype(steps_) steps;
  const auto offer = [&steps](const Build& build) {
    for (const StepModule& step : build->steps) {
      steps[step.type.name].push_back(std::shared_ptr<const StepModule>(build, &step));
    }
  };
  for (const auto& [id, build] : loaded_) {
    offer(build);
    for (const StepModule& step : build->steps) next->types.emplace(step.type.name, step.type);
  }
  for (const Earlier& earlier : earlier_) {
    offer(earlier.build);
    const bool withdrawn = earlier.build->line.standing == Standing::withdrawn;
    for (const StepModule& step : earlier.build->steps) {
      next->earlier[step.type.name].push_back({step.type, withdrawn});
    }
  }
  const std::unique_lock lock(readers_);
  loading.catalogue_changed = *next != *catalogue_;
  steps_ = std::move(steps);
  catalogue_ = std::move(next);
}

void PluginRegistry::tidy() const {
  std::set<std::filesystem::path> kept = loader_.crashed();
  const auto keep = [&kept](const Build& build) {
    kept.insert(build->module.file);
    kept.insert(record_file_of(build->module.file));
    kept.insert(crashed_file_of(build->module.file));
  };
  for (const auto& [id, build] : loaded_) keep(build);
  for (const Earlier& earlier : earlier_) keep(earlier.build);
  for (const ModuleRecord& each : records_) {
    kept.insert({each.module.file, record_file_of(each.module.file)});
  }
  for (const auto& [file, known] : files_) {
    const Module& module = known.candidate.module;
    if (!back_.contains(module.hash)) continue;
    kept.insert({module.file, record_file_of(module.file)});
  }
  folder_.remove_all_but(kept);
}

}  // namespace stepd::plugin
