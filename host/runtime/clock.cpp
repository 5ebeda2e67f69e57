#include "host/runtime/clock.hpp"

namespace stepd::runtime {

engine::Now SystemClock::now() const {
  using std::chrono::floor;
  return {.wall = floor<engine::Duration>(std::chrono::system_clock::now()),
          .steady = floor<engine::Duration>(std::chrono::steady_clock::now())};
}

}  // namespace stepd::runtime
