#pragma once

#include "host/daemon/config.hpp"

namespace stepd::daemon {

/// How a run ended.
enum class Ended : std::uint8_t {
  in_order,
  failed,
  storage_broken,  // the process may begin anew: what is on disk is whole
};

/// Constructs everything in dependency order, runs until it is told to end, and takes everything
/// down again. Logs what goes wrong. When calls do not end within the grace time after a signal,
/// the process exits from in here: their threads cannot be taken down.
[[nodiscard]] Ended run_daemon(const Config& config);

}  // namespace stepd::daemon
