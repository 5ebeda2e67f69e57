#pragma once

#include <cstdint>

#include "host/engine/id.hpp"

namespace stepd::plugin {

/// Which call's code runs on a thread, for the mark a dying process leaves behind (A7).
struct CurrentCall {
  engine::CallId id{};
  engine::ModuleHash module{};
  const char* step_type = nullptr;  // lives as long as the process
};

/// Null: this thread runs no step's code, though it may be a thread a plugin made. To be read from
/// a signal handler: it touches no lock, no heap and no lazily made thread-local storage.
[[nodiscard]] const CurrentCall* current_call() noexcept;

/// Says so for as long as it lives; on one thread one after the other.
class CallMark final {
 public:
  explicit CallMark(const CurrentCall& call) noexcept;
  ~CallMark();
  CallMark(const CallMark&) = delete;
  CallMark& operator=(const CallMark&) = delete;
};

}  // namespace stepd::plugin
