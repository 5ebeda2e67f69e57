#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

namespace stepd::contained {

/// The processes of plugins that this host has started, kept in a file, so that the host after this
/// one can end what this one could not: nothing of an old call runs beside a new one (A8). Any
/// thread.
class ProcessRecord final {
 public:
  /// Ends what is left of the processes that stand in the file, with all in their sessions. Throws
  /// std::system_error when one does not end, or the file cannot be written.
  explicit ProcessRecord(std::filesystem::path file);

  /// Before any of a plugin's code runs in it. Throws std::system_error.
  void add(pid_t process);
  /// It has ended, and what it has started with it.
  void remove(pid_t process);

 private:
  [[nodiscard]] bool write() const;
  void require_written() const;

  const std::filesystem::path file_;
  const std::string boot_;  // processes of another boot are gone
  std::mutex mutex_;        // guards processes_
  std::map<pid_t, std::string>
      processes_;  // with when they began, which tells them from later ones
};

}  // namespace stepd::contained
