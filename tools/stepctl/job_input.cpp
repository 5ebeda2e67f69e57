#include "tools/stepctl/job_input.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

namespace stepd::stepctl {
namespace {

[[noreturn]] void refuse(const std::string& file, const JobInput::Kind& kind,
                         const std::string& why) {
  throw CannotRead((kind.flag.empty() ? "" : std::string(kind.flag) + ": ") + "cannot read " +
                   file + ": " + why + " (give a file with " + std::string(kind.content) +
                   ", or - for stdin)");
}

}  // namespace

JobInput::JobInput(const std::string& file, Output& output) : JobInput(file, output, Kind{}) {}

JobInput::JobInput(const std::string& file, Output& output, const Kind& kind)
    : is_stdin_(file == "-"), name_(is_stdin_ ? "stdin" : file) {
  if (is_stdin_) {
    if (isatty(STDIN_FILENO) == 1) {
      output.note("reads " + std::string(kind.content) + " from the keyboard ...\n");
    }
    return;
  }
  struct stat facts {};
  if (::stat(file.c_str(), &facts) != 0) refuse(file, kind, std::strerror(errno));
  if (S_ISDIR(facts.st_mode)) refuse(file, kind, "it is a folder");
  errno = 0;
  file_.open(file, std::ios::binary);
  if (!file_) refuse(file, kind, std::strerror(errno));
  if (S_ISREG(facts.st_mode)) bytes_total_ = static_cast<std::uint64_t>(facts.st_size);
}

std::istream& JobInput::stream() {
  if (is_stdin_) return std::cin;
  return file_;
}

}  // namespace stepd::stepctl
