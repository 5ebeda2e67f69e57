#include "host/contained/process_clock.hpp"

namespace stepd::contained {

engine::Now process_now() {
  using std::chrono::floor;
  return {floor<engine::Duration>(std::chrono::system_clock::now()),
          floor<engine::Duration>(std::chrono::steady_clock::now())};
}

}  // namespace stepd::contained
