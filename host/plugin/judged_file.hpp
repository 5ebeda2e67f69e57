#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>

#include "host/plugin/file_descriptor.hpp"

namespace stepd::plugin {

/// Who may be able to change a file that is read.
enum class Writers : std::uint8_t {
  host_only,  // root and the user of this process: it decides what code runs
  anybody,    // its content is verified by other means
};

/// Why a file is not read, to be put after its name; and what to do about it.
struct FileFault {
  enum class Kind : std::uint8_t { missing, folder, other };
  Kind kind = Kind::other;
  std::string fact;
  std::string cure;
};

/// A regular file that is open, and what the system said of it then.
struct JudgedFile {
  FileDescriptor file;
  struct stat status {};
};

/// Opens a regular file of at most `bytes_max` bytes once and judges what was opened, by its
/// descriptor. Links are followed one by one: each link, and each folder in which a link or the
/// file lies, must be as safe from others as the file. Nothing that is no regular file is opened,
/// so neither a pipe nor a device can hold the host up.
[[nodiscard]] std::variant<JudgedFile, FileFault> open_judged(const std::filesystem::path& path,
                                                              Writers writers,
                                                              std::uint64_t bytes_max);

/// All of it. A file that somebody writes to meanwhile is a fault: no half of it is believed.
[[nodiscard]] std::variant<std::string, FileFault> read_whole(const JudgedFile& judged);

/// Both.
[[nodiscard]] std::variant<std::string, FileFault> read_judged(const std::filesystem::path& path,
                                                               Writers writers,
                                                               std::uint64_t bytes_max);

}  // namespace stepd::plugin
