#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/plugin/step_module.hpp"

namespace stepd::workshop {

/// What the process of a trial does with the functions that its host offers to calls.
struct HostTricks {
  /// The process dies at the n-th host function that is called in it, counted from 1: before it has
  /// done anything, or right after it has.
  struct Crash {
    std::uint32_t at = 1;
    bool after = false;
  };
  std::optional<Crash> crash{};
  // The table ends where minor version 0 of the ABI ends, as that of the oldest host, and behind it
  // lies memory that nobody may read.
  bool oldest_table = false;
  bool may_be_traced = false;  // by any process of its user: a debugger is to come
};

/// As an argument of a program, and back.
[[nodiscard]] std::string to_text(const HostTricks& tricks);
[[nodiscard]] HostTricks tricks_of(std::string_view text);

/// In the process of a trial, before any call: puts callbacks around those of the steps, so that
/// each call finds the tricky table. What these need is never given back.
void play(const HostTricks& tricks, std::vector<plugin::StepModule>& steps);

}  // namespace stepd::workshop
