#include "host/daemon/config.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "host/daemon/listen_check.hpp"
#include "host/daemon/token_file.hpp"
#include "host/daemon/toml_reader.hpp"
#include "host/http/text.hpp"

namespace stepd::daemon {

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 5> log_levels{"debug", "info", "warn", "error", "off"};
/// In the order of plugin::SignaturePolicy.
constexpr std::array<std::string_view, 3> signature_policies{"off", "warn", "require"};
constexpr std::int64_t bytes_most = 1LL << 30U;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

fs::path default_state_dir(const Surroundings& at) {
  if (at.root) return "/var/lib/stepd";
  // The XDG base directory specification: a relative path is to be ignored.
  if (at.state_home.is_absolute()) return at.state_home / "stepd";
  if (!at.home.empty()) return at.home / ".local/state/stepd";
  return {};
}

/// The file that is read when none is named; empty: there is none.
fs::path default_file(const fs::path& state_dir) {
  std::error_code ignored;  // what cannot be looked at is not there
  for (const auto& file : {state_dir / "stepd.toml", fs::path("/etc/stepd/stepd.toml")}) {
    if (fs::is_regular_file(file, ignored)) return file;
  }
  return {};
}

void read_retry(TomlReader& at, engine::RetryPolicy& policy, bool may_be_unlimited) {
  if (may_be_unlimited) {
    policy.attempts_max = at.count_or_unlimited("attempts_max").value_or(policy.attempts_max);
  } else if (const auto count = at.number("attempts_max", {1, 1'000'000})) {
    policy.attempts_max = static_cast<std::uint32_t>(*count);
  }
  policy.initial = at.span("initial").value_or(policy.initial);
  policy.max = at.span("max").value_or(policy.max);
  policy.multiplier = at.fraction("multiplier", 1, 1000).value_or(policy.multiplier);
  policy.jitter = at.fraction("jitter", 0, 1).value_or(policy.jitter);
}

void read_retention(TomlReader& at, runtime::Retention& retention) {
  using std::chrono::seconds;
  const auto read = [&at](std::string_view key, seconds& span) {
    const auto given = at.span(key, seconds(1));
    if (given) span = std::chrono::floor<seconds>(*given);
    return given.has_value();
  };
  if (read("succeeded", retention.succeeded)) {
    retention.unsuccessful = std::max(retention.unsuccessful, retention.succeeded);
  }
  read("unsuccessful", retention.unsuccessful);
  read("events", retention.events);
  read("keys", retention.keys);
}

void read_limits(TomlReader& at, engine::Limits& limits) {
  const auto read = [&at](std::string_view key, std::size_t& limit, std::int64_t most) {
    if (const auto number = at.number(key, {1, most})) limit = static_cast<std::size_t>(*number);
  };
  read("args_bytes_max", limits.args_bytes_max, bytes_most);
  read("output_bytes_max", limits.output_bytes_max, bytes_most);
  read("steps_max", limits.steps_max, 1'000'000);
  read("json_depth_max", limits.json_depth_max, 1000);
  read("name_bytes_max", limits.name_bytes_max, 10'000);
}

void read_process(TomlReader& at, contained::ProcessLimits& limits) {
  using std::chrono::seconds;
  const auto read = [&at](std::string_view key, std::optional<std::uint64_t>& limit) {
    if (const auto number = at.number(key, {1, std::numeric_limits<std::int64_t>::max()})) {
      limit = static_cast<std::uint64_t>(*number);
    }
  };
  read("memory_bytes_max", limits.memory_bytes);
  read("files_max", limits.files);
  read("processes_max", limits.processes);
  if (const auto span = at.span("cpu_max", seconds(1))) {
    limits.cpu_seconds = static_cast<std::uint64_t>(std::chrono::ceil<seconds>(*span).count());
  }
}

/// The limits of all, and tables of those that differ, which begin with the limits of all.
void read_processes(TomlReader& at, Config& config) {
  read_process(at, config.process);
  at.each_table([&](const std::string& id, const toml::table&) {
    at.table(id, [&](TomlReader& table) {
      contained::ProcessLimits limits = config.process;
      read_process(table, limits);
      config.process_of.emplace(id, limits);
    });
  });
}

void read_budgets(TomlReader& at, Config& config) {
  // The kernel counts a thread's time in steps of this and less, and looking takes time, too.
  constexpr std::chrono::milliseconds least{10};
  at.each_table([&](const std::string& type, const toml::table&) {
    at.table(type, [&](TomlReader& table) {
      runtime::CallBudget& budget = config.budgets[type];
      budget.cpu = table.span("cpu_max", least);
      budget.time = table.span("time_max", least);
    });
  });
}

void read_plugins(TomlReader& at, Config& config) {
  at.each_table([&](const std::string& id, const toml::table& table) {
    config.plugin.emplace(id, to_json(table));
  });
}

void read_places(TomlReader& at, Config& config, const fs::path& base) {
  const auto from_here = [&base](const std::string& text) {
    return (base / text).lexically_normal();
  };
  if (const auto dir = at.text("state_dir")) config.state_dir = from_here(*dir);
  if (const auto dirs = at.texts("plugins")) {
    config.plugins.clear();
    for (const auto& dir : *dirs) config.plugins.push_back(from_here(dir));
  }
  if (const auto addresses = at.texts("listen")) config.listen = *addresses;
  if (const auto file = at.text("token_file")) config.token_file = from_here(*file);
  if (const auto file = at.text("plugins_lock")) config.trust.lock = from_here(*file);
}

void read_signatures(TomlReader& at, plugin::TrustSettings& trust, const fs::path& base) {
  using Policy = plugin::SignaturePolicy;
  if (const auto policy = at.text("policy")) {
    const auto found = std::ranges::find(signature_policies, *policy);
    if (found == signature_policies.end()) {
      at.note("policy", "must be off, warn or require");
    } else {
      trust.signatures = static_cast<Policy>(found - signature_policies.begin());
    }
  }
  const auto files = at.texts("keys").value_or(std::vector<std::string>{});
  for (const auto& file : files) {
    auto key = plugin::read_public_key((base / file).lexically_normal());
    if (const auto* fault = std::get_if<std::string>(&key)) {
      at.note("keys", (base / file).lexically_normal().string() + " " + *fault);
    } else {
      trust.keys.push_back(std::get<plugin::PublicKey>(std::move(key)));
    }
  }
  if (files.empty() && trust.signatures != Policy::off) {
    at.note("keys", "must name the keys of those who sign plugins: keys = [\"build.pub\"]");
  }
}

void take_in_process(Config& config, const std::vector<std::string>& ids) {
  config.in_process.clear();
  config.all_in_process = false;
  for (const auto& id : ids) {
    if (id == "*") {
      config.all_in_process = true;
    } else {
      config.in_process.insert(id);
    }
  }
}

void read_all(TomlReader& at, Config& config, const fs::path& base) {
  read_places(at, config, base);
  if (const auto workers = at.number("workers", {1, workers_max})) {
    config.workers = static_cast<std::size_t>(*workers);
  }
  if (const auto level = at.text("log_level")) {
    config.log_level = *level;
    if (!is_log_level(*level)) at.note("log_level", "must be debug, info, warn, error or off");
  }
  config.stop_grace = at.span("stop_grace").value_or(config.stop_grace);
  config.kill_after = at.span("kill_after").value_or(config.kill_after);
  if (const auto ids = at.texts("in_process")) take_in_process(config, *ids);
  if (const auto names = at.texts("environment")) config.environment = *names;
  at.table("retention", [&](TomlReader& table) { read_retention(table, config.retention); });
  at.table("limits", [&](TomlReader& table) { read_limits(table, config.limits); });
  at.table("retry", [&](TomlReader& retry) {
    retry.table("plain", [&](TomlReader& table) { read_retry(table, config.retry.plain, true); });
    retry.table("saga", [&](TomlReader& table) { read_retry(table, config.retry.saga, false); });
    retry.table("compensate",
                [&](TomlReader& table) { read_retry(table, config.retry.compensate, true); });
  });
  at.table("rehearsal", [&](TomlReader& table) {
    config.real_steps = table.truth("real_steps").value_or(config.real_steps);
  });
  at.table("signatures", [&](TomlReader& table) { read_signatures(table, config.trust, base); });
  at.table("process", [&](TomlReader& table) { read_processes(table, config); });
  at.table("step", [&](TomlReader& table) { read_budgets(table, config); });
  at.table("plugin", [&](TomlReader& table) { read_plugins(table, config); });
}

void read_file(LoadedConfig& loaded) {
  const auto& file = loaded.file;
  std::error_code error;
  if (!fs::is_regular_file(file, error)) {
    loaded.problems.push_back({.place = file.string(),
                               .key = {},
                               .message = "is not a file that can be read" +
                                          (error ? ": " + error.message() : "") +
                                          "; name another with --config"});
    return;
  }
  try {
    const auto table = toml::parse_file(file.string());
    TomlReader at(table, {}, {.file = file, .problems = loaded.problems});
    read_all(at, loaded.config, fs::absolute(file).parent_path());
  } catch (const toml::parse_error& wrong) {
    const auto& where = wrong.source().begin;
    loaded.problems.push_back({.place = file.string() + ":" + std::to_string(where.line),
                               .key = {},
                               .message = "is not TOML: " + std::string(wrong.description())});
  }
}

void check_listen(LoadedConfig& loaded) {
  auto& config = loaded.config;
  bool over_tcp = false;
  for (const auto& address : config.listen) {
    const auto checked = check_listen_address(address);
    over_tcp = over_tcp || checked.over_tcp;
    if (checked.problem.empty()) continue;
    loaded.problems.push_back({.place = "listen", .key = {}, .message = checked.problem});
  }
  if (!over_tcp) return;
  // Not everybody on this machine may give orders.
  if (config.token_file.empty()) config.token_file = config.state_dir / "token";
  try {
    (void)read_token(config.token_file);
  } catch (const std::runtime_error& error) {
    loaded.problems.push_back(
        {.place = "listen",
         .key = "token_file",
         .message = std::string("a tcp address needs a token: ") + error.what()});
  }
}

void complete(LoadedConfig& loaded, const Surroundings& at) {
  auto& config = loaded.config;
  if (config.state_dir.empty()) {
    loaded.problems.push_back({.place = "--state-dir",
                               .key = {},
                               .message = "there is no place for the state: neither "
                                          "XDG_STATE_HOME nor HOME is set; name a folder"});
    return;
  }
  config.state_dir = fs::absolute(config.state_dir).lexically_normal();
  if (config.plugins.empty()) {
    config.plugins.push_back(config.state_dir / "plugins");
    if (!at.installed_plugins.empty()) config.plugins.push_back(at.installed_plugins);
  }
  for (auto& folder : config.plugins) folder = fs::absolute(folder).lexically_normal();
  if (config.listen.empty()) {
    config.listen.push_back("unix:" + (config.state_dir / "stepd.sock").string());
  }
  check_listen(loaded);
}

std::string in_quotes(std::string_view text) {
  return boost::json::serialize(boost::json::value(text));
}

std::string text_list(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const auto& text : texts) list += (list.size() > 1 ? ", " : "") + in_quotes(text);
  return list + "]";
}

/// The shortest text that reads back as the same number, and as a fraction.
std::string decimal(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  const std::string_view digits(text.data(), static_cast<std::size_t>(end - text.data()));
  const bool whole = digits.find_first_not_of("-0123456789") == std::string_view::npos;
  return std::string(digits) + (whole ? ".0" : "");
}

std::string retry_table(std::string_view name, const engine::RetryPolicy& policy) {
  const auto attempts =
      policy.attempts_max == 0 ? in_quotes("unlimited") : std::to_string(policy.attempts_max);
  std::string text = "\n[retry." + std::string(name) + "]\n";
  text += "attempts_max = " + attempts + "\n";
  text += "initial = " + in_quotes(http::to_text(policy.initial)) + "\n";
  text += "max = " + in_quotes(http::to_text(policy.max)) + "\n";
  text += "multiplier = " + decimal(policy.multiplier) + "\n";
  text += "jitter = " + decimal(policy.jitter) + "\n";
  return text;
}

/// TOML writes an inline table much as JSON writes an object, but for `=` and null.
std::string inline_value(const boost::json::value& value) {
  if (value.is_double()) return decimal(value.get_double());
  if (const auto* list = value.if_array()) {
    std::string text = "[";
    for (const auto& element : *list) text += (text.size() > 1 ? ", " : "") + inline_value(element);
    return text + "]";
  }
  if (const auto* object = value.if_object()) {
    std::string text = "{";
    for (const auto& [key, element] : *object) {
      text += (text.size() > 1 ? ", " : "") + in_quotes(key) + " = " + inline_value(element);
    }
    return text + "}";
  }
  return boost::json::serialize(value);
}

std::string places(const Config& config) {
  std::vector<std::string> folders;
  for (const auto& folder : config.plugins) folders.push_back(folder.string());
  std::string text = "state_dir = " + in_quotes(config.state_dir.string()) + "\n";
  text += "plugins = " + text_list(folders) + "\n";
  text += "listen = " + text_list(config.listen) + "\n";
  if (!config.token_file.empty()) {
    text += "token_file = " + in_quotes(config.token_file.string()) + "\n";
  }
  if (!config.trust.lock.empty()) {
    text += "plugins_lock = " + in_quotes(config.trust.lock.string()) + "\n";
  }
  return text;
}

std::string signatures_table(const plugin::TrustSettings& trust) {
  std::vector<std::string> keys;
  for (const auto& key : trust.keys) keys.push_back(key.file.string());
  return "\n[signatures]\npolicy = " +
         in_quotes(signature_policies.at(static_cast<std::size_t>(trust.signatures))) +
         "\nkeys = " + text_list(keys) + "\n";
}

std::string limits_table(const engine::Limits& limits) {
  return "\n[limits]\nargs_bytes_max = " + std::to_string(limits.args_bytes_max) +
         "\noutput_bytes_max = " + std::to_string(limits.output_bytes_max) +
         "\nsteps_max = " + std::to_string(limits.steps_max) +
         "\njson_depth_max = " + std::to_string(limits.json_depth_max) +
         "\nname_bytes_max = " + std::to_string(limits.name_bytes_max) + "\n";
}

std::string process_table(const std::string& name, const contained::ProcessLimits& limits) {
  std::string keys;
  const auto write = [&keys](std::string_view key, const std::optional<std::uint64_t>& limit) {
    if (limit) keys += std::string(key) + " = " + std::to_string(*limit) + "\n";
  };
  write("memory_bytes_max", limits.memory_bytes);
  write("files_max", limits.files);
  write("processes_max", limits.processes);
  if (limits.cpu_seconds) {
    keys += "cpu_max = " +
            in_quotes(http::to_text(
                std::chrono::seconds(static_cast<std::int64_t>(*limits.cpu_seconds)))) +
            "\n";
  }
  return keys.empty() ? keys : "\n[" + name + "]\n" + keys;
}

std::string budget_table(const std::string& type, const runtime::CallBudget& budget) {
  std::string text = "\n[step." + in_quotes(type) + "]\n";
  if (budget.cpu) text += "cpu_max = " + in_quotes(http::to_text(*budget.cpu)) + "\n";
  if (budget.time) text += "time_max = " + in_quotes(http::to_text(*budget.time)) + "\n";
  return text;
}

void override(LoadedConfig& loaded, const Overrides& by) {
  auto& config = loaded.config;
  if (by.state_dir) config.state_dir = *by.state_dir;
  if (!by.plugins.empty()) config.plugins = by.plugins;
  if (!by.listen.empty()) config.listen = by.listen;
  if (by.workers) config.workers = *by.workers;
  if (by.log_level) config.log_level = *by.log_level;
  if (!by.in_process.empty()) take_in_process(config, by.in_process);
  if (by.real_steps) config.real_steps = true;
  config.dev = by.dev;
}

}  // namespace

bool is_log_level(std::string_view text) {
  return std::ranges::find(log_levels, text) != log_levels.end();
}

std::string to_text(const ConfigProblem& problem) {
  return problem.place + ": " + (problem.key.empty() ? "" : problem.key + ": ") + problem.message;
}

Surroundings surroundings_of_process() {
  std::error_code error;
  const auto program = fs::read_symlink("/proc/self/exe", error);
  auto installed = (program.parent_path() / STEPD_PLUGINS_FROM_PROGRAM).lexically_normal();
  if (error || !fs::is_directory(installed, error)) installed.clear();
  return {.root = ::geteuid() == 0,
          .home = variable("HOME"),
          .state_home = variable("XDG_STATE_HOME"),
          .installed_plugins = installed};
}

LoadedConfig load_config(const Overrides& overrides, const Surroundings& surroundings) {
  LoadedConfig loaded;
  loaded.config.state_dir = overrides.state_dir.value_or(default_state_dir(surroundings));
  loaded.file = overrides.config_file.value_or(default_file(loaded.config.state_dir));
  if (!loaded.file.empty()) read_file(loaded);
  override(loaded, overrides);
  complete(loaded, surroundings);
  return loaded;
}

std::vector<std::string> unclaimed(const Config& config,
                                   const std::vector<plugin::PluginLine>& plugins) {
  std::vector<std::string> names;
  for (const auto& [name, values] : config.plugin) {
    const bool claimed = std::ranges::any_of(
        plugins, [&name = name](const plugin::PluginLine& line) { return line.id == name; });
    if (!claimed) names.push_back(name);
  }
  return names;
}

std::string to_toml(const Config& config) {
  std::string text = places(config);
  text += "workers = " + std::to_string(config.workers) + "\n";
  text += "log_level = " + in_quotes(config.log_level) + "\n";
  text += "stop_grace = " + in_quotes(http::to_text(config.stop_grace)) + "\n";
  std::vector<std::string> in_process(config.in_process.begin(), config.in_process.end());
  if (config.all_in_process) in_process.emplace_back("*");
  text += "in_process = " + text_list(in_process) + "\n";
  text += "environment = " + text_list(config.environment) + "\n";
  text += "kill_after = " + in_quotes(http::to_text(config.kill_after)) + "\n";
  text += "\n[retention]\nsucceeded = " + in_quotes(http::to_text(config.retention.succeeded)) +
          "\nunsuccessful = " + in_quotes(http::to_text(config.retention.unsuccessful)) +
          "\nevents = " + in_quotes(http::to_text(config.retention.events)) +
          "\nkeys = " + in_quotes(http::to_text(config.retention.keys)) + "\n";
  text += limits_table(config.limits);
  text += signatures_table(config.trust);
  text += process_table("process", config.process);
  for (const auto& [id, limits] : config.process_of) {
    text += process_table("process." + in_quotes(id), limits);
  }
  for (const auto& [type, budget] : config.budgets) text += budget_table(type, budget);
  text += retry_table("plain", config.retry.plain);
  text += retry_table("saga", config.retry.saga);
  text += retry_table("compensate", config.retry.compensate);
  text +=
      std::string("\n[rehearsal]\nreal_steps = ") + (config.real_steps ? "true" : "false") + "\n";
  for (const auto& [id, values] : config.plugin) {
    text += "\n[plugin." + in_quotes(id) + "]\n";
    for (const auto& [key, value] : values) {
      text += in_quotes(key) + " = " + inline_value(value) + "\n";
    }
  }
  return text;
}

}  // namespace stepd::daemon
