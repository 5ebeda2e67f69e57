#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace stepd::bench {

/// What can be asked for alone; the floor is always measured.
inline constexpr std::array measures{"drain",   "calls",   "submit",       "alone",  "idle",
                                     "backlog", "restart", "side_by_side", "timers", "subtasks"};

struct Plan {
  std::filesystem::path stepd;
  std::filesystem::path plugins;
  std::filesystem::path folder;  // on the disk that is to be measured
  std::size_t jobs = 60'000;
  std::size_t alone = 500;
  std::size_t backlog = 1'000'000;  // queued jobs that must not slow down the first ones
  std::size_t unsettled = 100'000;  // jobs under way when the daemon is killed
  std::size_t timers = 100'000;
  std::size_t subtasks = 100'000;   // of one distributed task
  std::size_t calls = 50'000;       // of a plugin in a process of its own
  bool in_process = false;          // plugins run in the daemon's own process
  std::vector<std::string> only{};  // of `measures`; empty: all

  [[nodiscard]] bool wants(std::string_view measure) const {
    return only.empty() || std::ranges::find(only, measure) != only.end();
  }
};

/// One line of the table. A ratio of 0: there is no floor to compare with.
struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  double floor = 0;
  double ratio = 0;
  double cpu_microseconds_per_job = 0;
  double bytes_per_job = 0;
};

/// Runs the measures that are wanted, the floor before and after what is compared with it. `say` is
/// told what is being done.
[[nodiscard]] std::vector<Figure> measure(const Plan& plan, void (*say)(const std::string&));

}  // namespace stepd::bench
