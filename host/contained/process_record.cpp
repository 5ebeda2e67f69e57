#include "host/contained/process_record.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace stepd::contained {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds ends_within{5000};
constexpr std::chrono::milliseconds until_next_look{5};

/// What /proc tells of one process.
struct Seen {
  pid_t process = 0;
  char state = '?';
  pid_t session = 0;
  std::string began;  // in ticks since the boot
};

std::optional<Seen> look_at(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // The second field is the program's name, which may hold anything.
  const auto name_ends = line.rfind(')');
  if (name_ends == std::string::npos) return std::nullopt;
  std::istringstream rest(line.substr(name_ends + 1));
  Seen seen{.process = process};
  std::string skipped;
  rest >> seen.state >> skipped >> skipped >> seen.session;
  constexpr int fields_between_session_and_start = 15;
  for (int field = 0; field < fields_between_session_and_start; ++field) rest >> skipped;
  rest >> seen.began;
  return rest ? std::optional(seen) : std::nullopt;
}

std::vector<Seen> all_in_session(pid_t session) {
  std::vector<Seen> found;
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator("/proc", gone)) {
    const std::string name = entry.path().filename();
    pid_t process = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), process);
    if (error != std::errc{} || end != name.data() + name.size()) continue;
    auto seen = look_at(process);
    const bool lives = seen && seen->state != 'Z' && seen->state != 'X';
    if (lives && seen->session == session) found.push_back(*std::move(seen));
  }
  return found;
}

/// The leader of a session gives it its name, which nobody else gets while anybody is in it.
void end_session(pid_t leader, const std::string& began) {
  const auto deadline = std::chrono::steady_clock::now() + ends_within;
  while (true) {
    const auto now = look_at(leader);
    if (now && now->began != began) return;  // the number is another's by now
    const auto left = all_in_session(leader);
    if (left.empty()) {
      // A host that has begun anew in the same process is the parent still.
      static_cast<void>(::waitpid(leader, nullptr, WNOHANG));
      return;
    }
    for (const Seen& one : left) ::kill(one.process, SIGKILL);
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::system_error(EBUSY, std::generic_category(),
                              "process " + std::to_string(left.front().process) +
                                  ", which a plugin of the stepd before has left, does not end");
    }
    std::this_thread::sleep_for(until_next_look);
  }
}

std::string this_boot() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace

ProcessRecord::ProcessRecord(fs::path file) : file_(std::move(file)), boot_(this_boot()) {
  std::ifstream before(file_);
  std::string boot;
  if (std::getline(before, boot) && boot == boot_) {
    pid_t process = 0;
    std::string began;
    while (before >> process >> began) end_session(process, began);
  }
  require_written();
}

void ProcessRecord::add(pid_t process) {
  const auto seen = look_at(process);
  const std::scoped_lock lock(mutex_);
  processes_[process] = seen ? seen->began : "0";
  require_written();
}

void ProcessRecord::remove(pid_t process) {
  const std::scoped_lock lock(mutex_);
  processes_.erase(process);
  // On a full disk it stays in the file, where it does no harm: its number tells it apart.
  static_cast<void>(write());
}

void ProcessRecord::require_written() const {
  if (write()) return;
  throw std::system_error(errno, std::generic_category(), "cannot write " + file_.string());
}

/// Whole or not at all, whatever kills this process; a power cut leaves no process to end.
bool ProcessRecord::write() const {
  auto unfinished = file_;
  unfinished += ".unfinished";
  {
    std::ofstream text(unfinished, std::ios::trunc);
    text << boot_ << '\n';
    for (const auto& [process, began] : processes_) text << process << ' ' << began << '\n';
    if (!text.flush()) return false;
  }
  return std::rename(unfinished.c_str(), file_.c_str()) == 0;
}

}  // namespace stepd::contained
