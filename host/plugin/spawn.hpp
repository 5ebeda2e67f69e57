#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "host/plugin/file_descriptor.hpp"

namespace stepd::plugin {

struct Pipe {
  FileDescriptor reader;  // does not block
  FileDescriptor writer;
};
/// Throws std::system_error.
[[nodiscard]] Pipe open_pipe();

/// A process for code that is not to be trusted with anything of this one's.
struct SpawnPlan {
  std::vector<std::string> command;
  std::vector<int> descriptors{};  // from 1 on, by place; 0 is /dev/null, all others are closed
  std::optional<std::vector<std::string>> environment{};  // "NAME=value"; absent: this process's
  bool own_session = false;                               // else a process group of its own
};
/// Throws std::system_error.
[[nodiscard]] pid_t spawn(const SpawnPlan& plan);

}  // namespace stepd::plugin
