#include "host/plugin/spawn.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

extern char** environ;

namespace stepd::plugin {
namespace {

constexpr int lowest_apart = 10;

[[noreturn]] void fail(int error, const char* what) {
  throw std::system_error(error, std::generic_category(), what);
}

/// What posix_spawn wants to know, released with it.
struct SpawnSettings {
  posix_spawn_file_actions_t files{};
  posix_spawnattr_t attributes{};

  SpawnSettings() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
};

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Pipe open_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail(errno, "cannot open a pipe");
  Pipe pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
  if (::fcntl(pipe.reader.number(), F_SETFL, O_NONBLOCK) != 0) fail(errno, "cannot set up a pipe");
  return pipe;
}

pid_t spawn(const SpawnPlan& plan) {
  SpawnSettings settings;
  posix_spawn_file_actions_addopen(&settings.files, 0, "/dev/null", O_RDONLY, 0);
  // Out of the way of each other's places.
  std::vector<FileDescriptor> apart;
  int place = 0;
  for (const int descriptor : plan.descriptors) {
    apart.emplace_back(::fcntl(descriptor, F_DUPFD_CLOEXEC, lowest_apart));
    if (!apart.back().is_open()) fail(errno, "cannot hand a descriptor to a process");
    posix_spawn_file_actions_adddup2(&settings.files, apart.back().number(), ++place);
  }
  // Sockets that others opened without O_CLOEXEC: a plugin's code shall not hold them.
  posix_spawn_file_actions_addclosefrom_np(&settings.files, place + 1);

  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&settings.attributes, &none);
  posix_spawnattr_setsigdefault(&settings.attributes, &all);
  posix_spawnattr_setpgroup(&settings.attributes, 0);
  const int group = plan.own_session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
  posix_spawnattr_setflags(&settings.attributes, static_cast<short>(POSIX_SPAWN_SETSIGMASK |
                                                                    POSIX_SPAWN_SETSIGDEF | group));

  std::vector<std::string> words = plan.command;
  std::vector<std::string> variables = plan.environment.value_or(std::vector<std::string>{});
  const auto arguments = pointers_to(words);
  const auto environment = pointers_to(variables);
  pid_t child = 0;
  const int error =
      ::posix_spawn(&child, arguments.front(), &settings.files, &settings.attributes,
                    arguments.data(), plan.environment ? environment.data() : environ);
  if (error != 0) fail(error, "cannot start a process for a plugin");
  return child;
}

}  // namespace stepd::plugin
