#include "tests/stepctl/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace stepd::test {
namespace {

/// A file descriptor that is closed once.
class Descriptor final {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    close();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~Descriptor() { close(); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

Pipe make_terminal() {
  Descriptor master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (master.get() < 0 || grantpt(master.get()) != 0 || unlockpt(master.get()) != 0) {
    throw std::runtime_error("no terminal can be made");
  }
  std::array<char, 128> name{};
  if (ptsname_r(master.get(), name.data(), name.size()) != 0) {
    throw std::runtime_error("the terminal has no name");
  }
  Descriptor slave(open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  const winsize size{.ws_row = 40, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
  ioctl(slave.get(), TIOCSWINSZ, &size);
  return {std::move(master), std::move(slave)};
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> environment(const std::map<std::string, std::string>& extra) {
  std::map<std::string, std::string> all{{"PATH", stepctl_folder() + ":/usr/bin:/bin"},
                                         {"HOME", "/nonexistent"},
                                         {"TZ", "UTC"},
                                         {"TERM", "xterm"},
                                         {"LC_ALL", "C.UTF-8"}};
  for (const auto& [name, value] : extra) all[name] = value;
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
    if (const char* value = getenv(name); value != nullptr) all[name] = value;
  }
  std::vector<std::string> result;
  for (const auto& [name, value] : all) result.push_back(name + "=" + value);
  return result;
}

pid_t spawn(const std::vector<std::string>& command, const ChildOptions& options, int in, int out,
            int err) {
  std::vector<std::string> arguments = command;
  std::vector<std::string> variables = environment(options.extra);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  pid_t child = 0;
  const int trouble = posix_spawnp(&child, arguments.front().c_str(), &actions, nullptr,
                                   pointers(arguments).data(), pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  if (trouble != 0) throw std::runtime_error("cannot start " + command.front());
  return child;
}

/// Reads what is there; closes the descriptor at its end (a terminal ends with an error).
void read_some(Descriptor& from, std::string& text) {
  std::array<char, 4096> piece{};
  const ssize_t count = ::read(from.get(), piece.data(), piece.size());
  if (count > 0) {
    text.append(piece.data(), static_cast<std::size_t>(count));
  } else {
    from.close();
  }
}

void exchange(Descriptor& in, std::string_view input, Descriptor& out, Descriptor& err,
              ChildEnd& end) {
  while (out.get() >= 0 || err.get() >= 0) {
    if (input.empty()) in.close();
    std::array<pollfd, 3> waits{pollfd{out.get(), POLLIN, 0}, pollfd{err.get(), POLLIN, 0},
                                pollfd{in.get(), POLLOUT, 0}};
    if (::poll(waits.data(), waits.size(), -1) < 0) throw std::runtime_error("poll failed");
    if (waits[0].revents != 0) read_some(out, end.out);
    if (waits[1].revents != 0) read_some(err, end.err);
    if (waits[2].revents == 0) continue;
    const ssize_t count =
        ::write(in.get(), input.data(), std::min<std::size_t>(input.size(), 4096));
    input = count > 0 ? input.substr(static_cast<std::size_t>(count)) : std::string_view();
  }
}

}  // namespace

ChildEnd run_child(const std::vector<std::string>& command, const ChildOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);  // a child that does not read its stdin is no trouble
  Pipe in = make_pipe();
  Pipe out = options.on_terminal ? make_terminal() : make_pipe();
  Pipe err = make_pipe();
  if (options.deaf) out.read.close();
  const int err_fd = options.on_terminal ? out.write.get() : err.write.get();
  const pid_t child = spawn(command, options, in.read.get(), out.write.get(), err_fd);
  in.read.close();
  out.write.close();
  err.write.close();
  ChildEnd end;
  exchange(in.write, options.input, out.read, err.read, end);
  int status = 0;
  if (waitpid(child, &status, 0) != child) throw std::runtime_error("the child is gone");
  end.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return end;
}

ChildEnd stepctl(const std::string& server, std::vector<std::string> arguments,
                 const ChildOptions& options) {
  arguments.insert(arguments.begin(), STEPCTL_PATH);
  if (!server.empty()) arguments.insert(arguments.end(), {"--server", server});
  return run_child(arguments, options);
}

std::string stepctl_folder() { return std::filesystem::path(STEPCTL_PATH).parent_path().string(); }

ScratchFile::ScratchFile(const std::string& name, const std::string& text)
    : folder_((std::filesystem::temp_directory_path() / "stepctl-XXXXXX").string()) {
  if (mkdtemp(folder_.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = folder_ + "/" + name;
  std::ofstream(path_, std::ios::binary) << text;
}

ScratchFile::~ScratchFile() { std::filesystem::remove_all(folder_); }

}  // namespace stepd::test
