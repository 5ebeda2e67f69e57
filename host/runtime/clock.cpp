#include "host/runtime/clock.hpp"

namespace stepd::runtime {

using std::chrono::floor;

engine::Now SystemClock::now() const {
  return {.wall = floor<engine::Duration>(std::chrono::system_clock::now()), .steady = steady()};
}

engine::SteadyPoint SystemClock::steady() const {
  return floor<engine::Duration>(std::chrono::steady_clock::now());
}

}  // namespace stepd::runtime
