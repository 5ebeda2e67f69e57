#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "host/contained/module_main.hpp"
#include "host/daemon/command_line.hpp"
#include "host/daemon/config.hpp"
#include "host/daemon/daemon.hpp"
#include "host/daemon/exit_codes.hpp"
#include "host/daemon/log.hpp"
#include "host/plugin/probe.hpp"
#include "host/runtime/crash_mark.hpp"
#include "host/workshop/workshop_main.hpp"

/// Read by jemalloc: more of what other threads have freed waits for reuse, so that fewer threads
/// meet at one lock.
extern "C" const char* const malloc_conf =
    "tcache_nslots_small_max:1000,tcache_nslots_small_min:200,lg_tcache_nslots_mul:4";

namespace stepd::daemon {

namespace {

constexpr std::size_t restarts_max = 5;
constexpr std::chrono::minutes counts_as_well_after{10};

/// The same program in place of this one; what was opened does not pass on.
[[noreturn]] void begin_anew(int argc, char** argv, std::size_t restarts) {
  std::vector<std::string> words(argv, argv + argc);
  for (auto at = words.begin(); at != words.end(); ++at) {
    if (*at != "--restarts") continue;
    words.erase(at, at + 2);
    break;
  }
  words.insert(words.end(), {"--restarts", std::to_string(restarts)});
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  ::execv("/proc/self/exe", pointers.data());
  std::perror("stepd: cannot begin anew");
  runtime::exit_blaming_nobody(exit_failed);
}

int check(const LoadedConfig& loaded) {
  if (loaded.file.empty()) {
    std::cout << "# no configuration file\n";
  } else {
    std::cout << "# " << loaded.file.string() << "\n";
  }
  std::cout << to_toml(loaded.config);
  return exit_ok;
}

int run(const Run& command, int argc, char** argv) {
  const auto loaded = load_config(command.overrides, surroundings_of_process());
  for (const auto& problem : loaded.problems) std::cerr << "stepd: " << to_text(problem) << "\n";
  if (!loaded.problems.empty()) return exit_usage;
  if (command.check_config) return check(loaded);

  // What stepd makes is its own: jobs carry what others may not read.
  ::umask(077);
  log::set_up(loaded.config.log_level);
  const auto began = std::chrono::steady_clock::now();
  try {
    switch (run_daemon(loaded.config)) {
      case Ended::in_order:
        return exit_ok;
      case Ended::storage_broken:
        break;
      case Ended::failed:
        log::flush();
        runtime::exit_blaming_nobody(exit_failed);
    }
  } catch (const std::exception& error) {
    log::error("cannot run reason=" + log::quoted(error.what()));
    log::flush();
    return exit_failed;
  }
  const bool was_well = std::chrono::steady_clock::now() - began > counts_as_well_after;
  const auto restarts = was_well ? 1 : command.restarts + 1;
  if (restarts > restarts_max) {
    log::error("gave up: the storage broke " + std::to_string(restarts_max + 1) +
               " times in a row; look at the disk under " + loaded.config.state_dir.string());
    log::flush();
    runtime::exit_blaming_nobody(exit_failed);
  }
  log::warn("beginning anew restarts=" + std::to_string(restarts));
  log::flush();
  begin_anew(argc, argv, restarts);
}

}  // namespace

}  // namespace stepd::daemon

int main(int argc, char** argv) {
  using namespace stepd::daemon;
  if (argc > 1 && argv[1] == plugin_process_flag) stepd::contained::module_main();
  if (argc > 2 && argv[1] == stepd::workshop::process_flag) stepd::workshop::process_main(argv[2]);
  if (argc == 3 && argv[1] == stepd::workshop::workshop_flag) {
    return stepd::workshop::workshop_main(argv[2]);
  }
  const auto command = parse_command_line(argc, argv);
  if (const auto* say = std::get_if<Say>(&command)) {
    (say->exit_code == exit_ok ? std::cout : std::cerr) << say->text;
    return say->exit_code;
  }
  if (const auto* probe = std::get_if<Probe>(&command)) stepd::plugin::probe_main(probe->module);
  return run(std::get<Run>(command), argc, argv);
}
