#include "host/daemon/daemon.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "host/contained/containment.hpp"
#include "host/daemon/command_line.hpp"
#include "host/daemon/end_watch.hpp"
#include "host/daemon/exit_codes.hpp"
#include "host/daemon/listen_check.hpp"
#include "host/daemon/log.hpp"
#include "host/daemon/token_file.hpp"
#include "host/http/listener.hpp"
#include "host/http/server.hpp"
#include "host/plugin/folder_watch.hpp"
#include "host/plugin/plugin_registry.hpp"
#include "host/plugin/plugin_start.hpp"
#include "host/rehearsal/called_code.hpp"
#include "host/runtime/crash_mark.hpp"
#include "host/runtime/in_process_runner.hpp"
#include "host/runtime/live_host.hpp"
#include "host/runtime/module_caller.hpp"
#include "host/runtime/seated_caller.hpp"
#include "storage/sqlite/sqlite_reader.hpp"
#include "storage/sqlite/sqlite_store.hpp"

namespace stepd::daemon {

namespace {

constexpr std::chrono::seconds plugins_end_within{5};
constexpr std::chrono::minutes builds_are_forgotten_every{10};

std::string field(std::string_view name, std::string_view value) {
  return " " + std::string(name) + "=" + log::quoted(value);
}

void log_call(const runtime::CallLogLine& line) {
  const auto& request = line.request;
  std::string text = "step says job=" + engine::to_text(request.id.job) +
                     field("step", request.step) + " attempt=" + std::to_string(request.attempt) +
                     field("text", line.message);
  if (!line.fields_json.empty()) text += " fields=" + log::on_one_line(line.fields_json);
  log::at_level(line.level, text);
}

void log_plugin(std::string_view id, std::int32_t level, std::string_view message) {
  log::at_level(level, "plugin says" + field("plugin", id) + field("text", message));
}

contained::ProcessSettings process_settings(const Config& config) {
  contained::ProcessSettings settings;
  settings.command = {"/proc/self/exe", std::string(plugin_process_flag)};
  settings.record = config.state_dir / "processes";
  settings.environment = config.environment;
  settings.process = config.process;
  settings.process_of = config.process_of;
  settings.stop_grace = std::chrono::ceil<std::chrono::milliseconds>(config.kill_after);
  settings.host_version = STEPD_VERSION;
  settings.limits = config.limits;
  settings.log = log_plugin;
  return settings;
}

std::optional<engine::TimePoint> oldest_job(storage::Reader& reader) {
  const auto id = reader.oldest_unsettled();
  return id ? std::optional(engine::created_at(*id)) : std::nullopt;
}

plugin::RegistrySettings registry_settings(const Config& config, const runtime::CrashMark& mark,
                                           plugin::Containment& containment) {
  plugin::RegistrySettings settings;
  settings.dev = config.dev;
  if (!config.all_in_process) settings.containment = &containment;
  settings.in_process = config.in_process;
  settings.init_crashed = mark.found() == plugin::start_of_plugin;
  settings.modules = config.state_dir / "modules";
  settings.probe.command = {"/proc/self/exe", "--probe-plugin"};
  settings.configuration = config.plugin;
  settings.host_version = STEPD_VERSION;
  settings.trust = config.trust;
  settings.log = log_plugin;
  return settings;
}

void log_doubt(const plugin::PluginLine& line) {
  if (line.warning.empty()) return;
  log::warn("plugin doubted plugin=" + line.id + field("reason", line.warning));
}

void log_line(const plugin::PluginLine& line) {
  const std::string build = " plugin=" + line.id + " version=" + line.version;
  switch (line.standing) {
    case plugin::Standing::loaded:
      log::info("plugin loaded" + build + " step_types=" + std::to_string(line.step_types.size()) +
                field("file", line.file));
      return log_doubt(line);
    case plugin::Standing::refused:
      return log::warn("plugin refused" + field("file", line.file) + field("reason", line.refused));
    case plugin::Standing::replaced:
      return log::info("plugin replaced" + build);
    case plugin::Standing::withdrawn:
      return log::warn("plugin withdrawn" + build + field("file", line.file));
  }
}

void log_loading(const plugin::PluginRegistry::Loading& loading) {
  for (const auto& line : loading.lines) log_line(line);
  for (const auto& line : loading.doubted) log_doubt(line);
}

void log_trouble(const std::string& trouble) {
  if (trouble.empty()) return log::info("storage goes on");
  log::error("storage held" + field("reason", trouble));
}

void log_troubles(const std::vector<std::string>& troubles) {
  for (const auto& trouble : troubles) log::warn("plugins not watched" + field("reason", trouble));
}

void log_unclaimed(const Config& config, const std::vector<plugin::PluginLine>& lines) {
  std::string loaded;
  for (const auto& line : lines) {
    if (line.standing == plugin::Standing::loaded) loaded += (loaded.empty() ? "" : " ") + line.id;
  }
  for (const auto& name : unclaimed(config, lines)) {
    log::warn("configuration of no plugin" + field("table", "plugin." + name) +
              field("loaded", loaded));
  }
}

void log_budgets_of_none(const Config& config, const engine::Catalogue& catalogue) {
  for (const auto& [type, budget] : config.budgets) {
    if (catalogue.find(type) != nullptr) continue;
    log::warn("budget of a step type that no loaded plugin offers" +
              field("table", "step." + type) + field("see", "stepctl step list"));
  }
}

void log_no_plugins(const Config& config) {
  std::string folders;
  for (const auto& folder : config.plugins) {
    folders += (folders.empty() ? "" : " ") + folder.string();
  }
  log::warn("no plugin is loaded, and jobs wait until one is put there" +
            field("folders", folders));
}

runtime::LiveHost::Plugins plugins_of(const plugin::PluginRegistry& registry) {
  return {.catalogue = registry.catalogue(), .lines = registry.lines()};
}

runtime::HostSettings host_settings(const Config& config, const runtime::CrashMark& mark) {
  runtime::HostSettings settings;
  settings.engine.calls_max = config.workers;
  settings.engine.limits = config.limits;
  settings.engine.defaults = config.retry;
  settings.committer.retention = config.retention;
  if (const auto call = mark.found(); call && *call != plugin::start_of_plugin) {
    settings.engine.crashed.insert(*call);
    log::warn("call crashed the host before this one job=" + engine::to_text(call->job) +
              " call=" + std::to_string(call->number));
  }
  return settings;
}

http::HttpSettings http_settings(const Config& config, rehearsal::CalledCode& code) {
  http::HttpSettings settings;
  settings.listen = config.listen;
  settings.api = http::settings_within(config.limits);
  settings.api.version = STEPD_VERSION;
  settings.api.defaults = config.retry;
  if (config.real_steps) settings.api.real_steps = &code;
  settings.api.note = [](const std::string& line) { log::info(line); };
  settings.report = [](const std::string& line) { log::warn(line); };
  for (const auto& address : config.listen) {
    if (check_listen_address(address).over_tcp) settings.token = read_token(config.token_file);
  }
  return settings;
}

/// The job file, as it is written and as it is read.
struct Storage {
  explicit Storage(const std::filesystem::path& folder) : store(folder), reader(folder) {}
  storage::SqliteStore store;
  storage::SqliteReader reader;
};

/// Does `work` again until the disk has room for it; an end when one was asked for meanwhile.
template <typename Work>
std::optional<End> when_there_is_room(EndWatch& ends, const Work& work) {
  constexpr std::chrono::seconds until_next_try(2);
  while (true) {
    try {
      work();
      return std::nullopt;
    } catch (const storage::StoreError& error) {
      if (error.kind != storage::StoreError::Kind::full) throw;
      log::error("cannot start before there is room" + field("reason", error.what()));
    }
    if (auto end = ends.wait(until_next_try)) return end;
  }
}

/// All of it, in the order it depends on each other; taken down in the reverse order.
class Daemon {
 public:
  Daemon(const Config& config, EndWatch& ends, Storage& storage)
      : config_(config),
        ends_(ends),
        reader_(storage.reader),
        mark_(config.state_dir / "crash", seats_),
        containment_(process_settings(config)),
        folders_(config.plugins),
        registry_(registry_settings()),
        host_({.store = storage.store,
               .reader = storage.reader,
               .clock = clock_,
               .counters = counters_},
              host_settings(config, mark_), load_plugins()),
        caller_(registry_, config.limits),
        runner_({.caller = caller_,
                 .sink = host_,
                 .clock = clock_,
                 .seats = seats_,
                 .counters = counters_,
                 .log = log_call},
                {.workers = config.workers, .quick = {}, .budgets = config.budgets}),
        seated_(caller_, seats_),
        tested_(seated_),
        server_(host_, http_settings(config, tested_)) {}

  Ended run();

 private:
  plugin::RegistrySettings registry_settings();
  runtime::LiveHost::Plugins load_plugins();
  void forget_builds();
  void on_plugin_files(const plugin::FolderWatch::News& news);
  void log_listening();
  Ended end(const End& end);

  const Config& config_;
  EndWatch& ends_;
  storage::Reader& reader_;
  const runtime::SystemClock clock_;
  runtime::CrashSeats seats_;
  runtime::CrashMark mark_;  // the store has made sure that the folder is ours
  contained::ProcessContainment containment_;
  plugin::FolderWatch folders_;
  plugin::PluginRegistry registry_;
  std::mutex offering_;  // held from a change of the registry until the host has heard of it
  runtime::StepCounters counters_;
  runtime::LiveHost host_;
  runtime::ModuleCaller caller_;
  runtime::InProcessRunner runner_;
  runtime::SeatedCaller seated_;
  rehearsal::CalledCode tested_;
  http::HttpServer server_;
};

plugin::RegistrySettings Daemon::registry_settings() {
  auto settings = daemon::registry_settings(config_, mark_, containment_);
  settings.oldest_job = oldest_job(reader_);
  settings.now = [this] { return clock_.now().wall; };
  settings.look_again = [this](const auto& file) { folders_.look_again(file); };
  return settings;
}

runtime::LiveHost::Plugins Daemon::load_plugins() {
  if (!config_.trust.lock.empty()) folders_.watch_lock(config_.trust.lock);
  const auto listing = folders_.list();
  log_troubles(listing.troubles);
  log_loading(registry_.load(listing.files));
  log_loading(registry_.restore());
  registry_.retire_replaced();
  log_unclaimed(config_, registry_.lines());
  log_budgets_of_none(config_, *registry_.catalogue());
  if (registry_.catalogue()->types.empty()) log_no_plugins(config_);
  return plugins_of(registry_);
}

void Daemon::on_plugin_files(const plugin::FolderWatch::News& news) {
  log_troubles(news.troubles);
  {
    const std::lock_guard one_after_the_other(offering_);
    log_loading(registry_.load(news.files));
    host_.offer(plugins_of(registry_));
    registry_.retire_replaced();
  }
  forget_builds();
}

/// Jobs that are on their way to the disk are not seen, and are no older than the look at it.
void Daemon::forget_builds() {
  const auto now = clock_.now().wall;
  try {
    const auto oldest = std::min(oldest_job(reader_).value_or(now), now);
    const std::lock_guard one_after_the_other(offering_);
    if (registry_.forget_builds(oldest)) host_.offer(plugins_of(registry_));
  } catch (const std::exception& error) {
    log::warn("replaced builds not looked at" + field("reason", error.what()));
  }
}

void Daemon::log_listening() {
  std::string addresses;
  for (const auto& address : server_.addresses()) {
    addresses += (addresses.empty() ? "" : " ") + address;
  }
  log::info("listening" + field("on", addresses) + field("state_dir", config_.state_dir.string()) +
            " step_types=" + std::to_string(registry_.catalogue()->types.size()) +
            " version=" STEPD_VERSION);
}

Ended Daemon::run() {
  const auto asked = when_there_is_room(ends_, [this] {
    host_.start(runner_,
                {.on_loss = [this](runtime::HostLoss loss,
                                   const std::string& message) { ends_.lost(loss, message); },
                 .on_trouble = log_trouble});
  });
  if (asked) return end(*asked);
  folders_.start([this](const plugin::FolderWatch::News& news) { on_plugin_files(news); });
  try {
    server_.start();
  } catch (const http::ListenError& error) {
    log::error("cannot listen" + field("reason", error.what()));
    host_.stop(config_.stop_grace);
    return Ended::failed;
  }
  log_listening();
  std::optional<End> asked_to_end;
  while (!asked_to_end) {
    asked_to_end = ends_.wait(builds_are_forgotten_every);
    if (!asked_to_end) forget_builds();
  }
  return end(*asked_to_end);
}

Ended Daemon::end(const End& end) {
  const bool asked = end.why == End::Why::signal;
  if (asked) {
    log::info("ending" + field("reason", end.message));
  } else {
    log::error("cannot go on" + field("reason", end.message));
  }
  ends_.let_signals_kill();
  folders_.stop();
  const bool tests_over = tested_.end(config_.stop_grace);
  server_.stop();
  const bool all_over = host_.stop(config_.stop_grace) && tests_over;
  if (!asked) return end.why == End::Why::storage_broken ? Ended::storage_broken : Ended::failed;
  if (!all_over) {
    log::warn(
        "ended while calls were running; they are called again, told that their outcome is "
        "unknown");
    log::flush();
    runtime::exit_blaming_nobody(exit_ok);
  }
  runner_.shut_down();
  for (const auto& plugin : registry_.quiesce(plugins_end_within)) {
    log::warn("plugin did not end in time plugin=" + plugin);
  }
  log::info("ended");
  return Ended::in_order;
}

}  // namespace

Ended run_daemon(const Config& config) {
  // All are leaked on every way out but the orderly one: with calls under way nothing can be taken
  // down.
  auto ends = std::make_unique<EndWatch>();
  std::unique_ptr<Storage> storage;
  if (const auto asked = when_there_is_room(
          *ends, [&] { storage = std::make_unique<Storage>(config.state_dir); })) {
    log::info("ending" + field("reason", asked->message));
    return Ended::in_order;
  }
  auto daemon = std::make_unique<Daemon>(config, *ends, *storage);
  const auto ended = daemon->run();
  if (ended != Ended::in_order) {
    (void)daemon.release();
    (void)storage.release();
    (void)ends.release();
  }
  return ended;
}

}  // namespace stepd::daemon
