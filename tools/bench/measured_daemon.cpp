#include "tools/bench/measured_daemon.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tools/bench/socket_client.hpp"

extern char** environ;

namespace stepd::bench {
namespace {

constexpr int tries_max = 2000;
constexpr std::chrono::milliseconds between_tries(5);

/// The number after `name` in a file of the process under /proc.
std::size_t number_in(pid_t process, const std::string& file, const std::string& name) {
  std::ifstream in("/proc/" + std::to_string(process) + "/" + file);
  std::string word;
  std::size_t number = 0;
  while (in >> word) {
    if (word == name && in >> number) return number;
  }
  return 0;
}

double cpu_seconds_of(pid_t process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/stat");
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  // The fields after the command's closing parenthesis; user and system time are the 12th and 13th.
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int field = 0; field < 11; ++field) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

MeasuredDaemon::MeasuredDaemon(const Place& place) : socket_(place.state / "stepd.sock") {
  std::vector<std::string> words{place.binary.string(),
                                 "--state-dir",
                                 place.state.string(),
                                 "--plugins",
                                 place.plugins.string(),
                                 "--log-level",
                                 "warn"};
  if (place.in_process) words.insert(words.end(), {"--in-process", "*"});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  if (::posix_spawn(&process_, place.binary.c_str(), nullptr, nullptr, arguments.data(), environ) !=
      0) {
    throw std::runtime_error("cannot start " + place.binary.string());
  }
  wait_until_it_answers();
}

MeasuredDaemon::~MeasuredDaemon() { end_with(SIGTERM); }

void MeasuredDaemon::kill() { end_with(SIGKILL); }

void MeasuredDaemon::end_with(int signal) {
  if (process_ == -1) return;
  ::kill(process_, signal);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
}

void MeasuredDaemon::wait_until_it_answers() const {
  for (int tried = 0; tried < tries_max; ++tried) {
    if (::waitpid(process_, nullptr, WNOHANG) == process_) break;
    try {
      SocketClient client(socket_);
      if (client.ask("GET", "/v1/health").status == 200) return;
    } catch (const std::runtime_error&) {
      std::this_thread::sleep_for(between_tries);
      continue;
    }
    std::this_thread::sleep_for(between_tries);
  }
  throw std::runtime_error("stepd did not come up at " + socket_.string());
}

double MeasuredDaemon::cpu_seconds() const {
  double seconds = cpu_seconds_of(process_);
  const std::string threads = "/proc/" + std::to_string(process_) + "/task";
  for (const auto& thread : std::filesystem::directory_iterator(threads)) {
    std::ifstream children(thread.path() / "children");
    pid_t child = 0;
    while (children >> child) seconds += cpu_seconds_of(child);
  }
  return seconds;
}

double MeasuredDaemon::resident_bytes() const {
  return static_cast<double>(number_in(process_, "status", "VmRSS:")) * 1024;
}

double MeasuredDaemon::own_bytes() const {
  return static_cast<double>(number_in(process_, "status", "RssAnon:")) * 1024;
}

double MeasuredDaemon::resident_bytes_max() const {
  return static_cast<double>(number_in(process_, "status", "VmHWM:")) * 1024;
}

std::size_t MeasuredDaemon::context_switches() const {
  std::size_t all = 0;
  const std::string threads = "/proc/" + std::to_string(process_) + "/task";
  for (const auto& thread : std::filesystem::directory_iterator(threads)) {
    all += number_in(process_, "task/" + thread.path().filename().string() + "/status",
                     "voluntary_ctxt_switches:");
  }
  return all;
}

}  // namespace stepd::bench
