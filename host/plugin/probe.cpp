#include "host/plugin/probe.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <string_view>
#include <system_error>

#include "host/plugin/file_descriptor.hpp"
#include "host/plugin/module_library.hpp"
#include "host/plugin/spawn.hpp"
#include "host/plugin/utf8.hpp"

namespace stepd::plugin {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int report_descriptor = 3;
constexpr std::size_t kept_bytes_max = 8192;
constexpr std::string_view all_is_well = "described";

[[noreturn]] void fail(int error, const char* what) {
  throw std::system_error(error, std::generic_category(), what);
}

/// Takes what is there; of what a talkative constructor says only the beginning is kept.
void drain(const FileDescriptor& pipe, std::string& kept) {
  std::array<char, 4096> block{};
  while (true) {
    const ssize_t length = ::read(pipe.number(), block.data(), block.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return;
    const std::size_t room = kept_bytes_max - kept.size();
    kept.append(block.data(), std::min(room, static_cast<std::size_t>(length)));
  }
}

struct Ending {
  std::string words;   // what it printed
  std::string report;  // what probe_main made of it
  int status = 0;
  bool too_slow = false;
};

/// Until the process is gone, not until its pipes are closed: it may have left children behind.
Ending wait_for(pid_t child, const FileDescriptor& words, const FileDescriptor& report,
                std::chrono::milliseconds limit) {
  const FileDescriptor process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  const int opened = process.is_open() ? 0 : errno;
  const auto deadline = Clock::now() + limit;
  Ending ending;
  std::array<pollfd, 3> watched{
      {{process.number(), POLLIN, 0}, {words.number(), POLLIN, 0}, {report.number(), POLLIN, 0}}};
  bool alive = process.is_open();
  while (alive && !ending.too_slow) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    ending.too_slow = left.count() <= 0;
    if (!ending.too_slow) ::poll(watched.data(), watched.size(), static_cast<int>(left.count()));
    drain(words, ending.words);
    drain(report, ending.report);
    // A pipe the child has closed would be ready for ever.
    for (pollfd& pipe : std::span(watched).subspan<1>()) {
      if ((pipe.revents & POLLHUP) != 0) pipe.fd = -1;
    }
    alive = (watched[0].revents & POLLIN) == 0;
  }
  // The whole group: what the plugin's constructor started goes with it.
  ::kill(-child, SIGKILL);
  while (::waitpid(child, &ending.status, 0) < 0 && errno == EINTR) {
  }
  drain(words, ending.words);
  drain(report, ending.report);
  if (opened != 0) fail(opened, "cannot watch the process that tries a plugin");
  return ending;
}

std::string with_words(std::string fact, std::string_view words) {
  std::string line = readable(words, 500);
  while (!line.empty() && line.back() == '\n') line.pop_back();
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line.empty() ? fact : fact + " (it printed: " + line + ")";
}

std::optional<std::string> judge(const Ending& ending, std::chrono::milliseconds limit) {
  if (ending.too_slow) {
    return with_words("does not load within " + std::to_string(limit.count()) + " ms",
                      ending.words);
  }
  if (WIFSIGNALED(ending.status)) {
    const int number = WTERMSIG(ending.status);
    return with_words("crashes the process that loads it: signal " + std::to_string(number) + ", " +
                          ::strsignal(number),
                      ending.words);
  }
  if (ending.report.empty()) {
    return with_words(
        "ends the process that loads it: exit status " + std::to_string(WEXITSTATUS(ending.status)),
        ending.words);
  }
  if (ending.report == all_is_well) return std::nullopt;
  return with_words(readable(ending.report, kept_bytes_max), ending.words);
}

void report(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(report_descriptor, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::optional<std::string> probe(const ProbeCommand& how, const std::filesystem::path& module) {
  Pipe words = open_pipe();
  Pipe reported = open_pipe();
  SpawnPlan plan{
      .command = how.command,
      .descriptors = {words.writer.number(), words.writer.number(), reported.writer.number()}};
  plan.command.push_back(module.string());
  const pid_t child = spawn(plan);
  words.writer.close();
  reported.writer.close();
  return judge(wait_for(child, words.reader, reported.reader, how.time_limit), how.time_limit);
}

void probe_main(const std::filesystem::path& module) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  const auto opened = open_module(module);
  const auto* bad = std::get_if<BadDescription>(&opened);
  report(bad == nullptr ? all_is_well : std::string_view(bad->fact).substr(0, kept_bytes_max));
  // Neither its destructors nor its exit functions are of interest here.
  ::_exit(bad == nullptr ? 0 : 1);
}

}  // namespace stepd::plugin
