#pragma once

#include <map>
#include <string>
#include <vector>

namespace stepd::test {

struct ChildOptions {
  std::string input;                         // its stdin
  std::map<std::string, std::string> extra;  // environment beyond the plain one
  bool on_terminal = false;                  // stdout and stderr are one terminal of 100 columns
  bool deaf = false;                         // nobody reads its stdout
};

struct ChildEnd {
  int code = -1;    // its exit code; 128 and the signal's number when a signal ended it
  std::string out;  // on a terminal: everything
  std::string err;
};

/// Runs a program to its end in an environment that has nothing of the caller's.
[[nodiscard]] ChildEnd run_child(const std::vector<std::string>& command,
                                 const ChildOptions& options = {});

/// The same for stepctl, told to speak with `server` unless that is empty.
[[nodiscard]] ChildEnd stepctl(const std::string& server, std::vector<std::string> arguments,
                               const ChildOptions& options = {});

/// The folder stepctl is in.
[[nodiscard]] std::string stepctl_folder();

/// A file that is there as long as this object.
class ScratchFile final {
 public:
  ScratchFile(const std::string& name, const std::string& text);
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  ~ScratchFile();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string folder_;
  std::string path_;
};

}  // namespace stepd::test
