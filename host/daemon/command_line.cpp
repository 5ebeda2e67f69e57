#include "host/daemon/command_line.hpp"

#include <CLI/CLI.hpp>
#include <sstream>
#include <vector>

#include "host/daemon/exit_codes.hpp"

namespace stepd::daemon {

namespace {

constexpr const char* description =
    "stepd runs durable jobs whose steps come from plugins.\n"
    "It runs in the foreground and logs to stderr; SIGTERM or SIGINT ends it in good order.";

constexpr const char* footer =
    "Without --config it reads <state>/stepd.toml or else /etc/stepd/stepd.toml, if there is one;\n"
    "what stands here counts more than what stands there. Exit codes: 0 ended in good order,\n"
    "1 could not run or go on, 2 wrong command line or configuration.\n";

Command say(const CLI::App& app, const CLI::ParseError& error) {
  std::ostringstream out;
  std::ostringstream err;
  const int code = app.exit(error, out, err);
  if (code == 0) return Say{.text = out.str(), .exit_code = exit_ok};
  return Say{.text = "stepd: " + err.str(), .exit_code = exit_usage};
}

}  // namespace

Command parse_command_line(int argc, const char* const* argv) {
  CLI::App app(description, "stepd");
  app.footer(footer);
  app.set_version_flag("--version", "stepd " STEPD_VERSION);
  Run run;
  auto& to = run.overrides;
  std::string probed;
  // Paths are read as text: CLI11 takes a path for a list of its parts.
  std::string state_dir;
  std::string config_file;
  std::vector<std::string> plugins;
  app.add_option("--state-dir", state_dir,
                 "Where everything is kept (root: /var/lib/stepd; else $XDG_STATE_HOME/stepd or "
                 "~/.local/state/stepd)")
      ->check([](const std::string& folder) {
        return std::string(folder.empty() ? "must not be empty (is a variable not set?)" : "");
      });
  app.add_option("--plugins", plugins,
                 "A folder of plugins; may be given more than once (<state>/plugins and the "
                 "installed ones)")
      ->allow_extra_args(false);
  app.add_option("--listen", to.listen,
                 "unix:PATH or tcp:HOST:PORT; may be given more than once "
                 "(unix:<state>/stepd.sock). tcp is for this machine only and needs a token file: "
                 "<state>/token, or token_file in the configuration")
      ->allow_extra_args(false);
  app.add_option("--config", config_file, "The configuration file");
  app.add_flag("--check-config", run.check_config,
               "Print the configuration in effect, or what is wrong with it, and end");
  app.add_option("--workers", to.workers, "How many calls may run at a time (64)")
      ->check(CLI::Range(std::size_t{1}, workers_max));
  app.add_option("--log-level", to.log_level, "debug, info, warn, error or off (info)")
      ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}));
  app.add_option(
         "--in-process", to.in_process,
         "A plugin, by its id, that runs in the daemon's own process and can bring it down; "
         "\"*\" for all; may be given more than once (none: each runs in a process of its "
         "own)")
      ->allow_extra_args(false);
  app.add_flag("--real-steps", to.real_steps,
               "Let `stepctl job test --real` have the steps' own code called: its effects are "
               "real");
  app.add_flag("--dev", to.dev,
               "Take builds of plugins that differ from one that has run and have its version");
  // For stepd itself alone.
  app.add_option("--probe-plugin", probed)->group("");
  app.add_option("--restarts", run.restarts)->group("");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return say(app, error);
  }
  if (!probed.empty()) return Probe{.module = probed};
  if (!state_dir.empty()) to.state_dir = state_dir;
  if (!config_file.empty()) to.config_file = config_file;
  to.plugins.assign(plugins.begin(), plugins.end());
  return run;
}

}  // namespace stepd::daemon
