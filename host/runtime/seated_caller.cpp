#include "host/runtime/seated_caller.hpp"

#include <utility>

namespace stepd::runtime {

engine::Outcome SeatedCaller::run(const engine::CallRequest& request, plugin::CallPorts& ports,
                                  std::stop_token stop) {
  CrashSeat seat(seats_);
  const AlternateStack stack;
  seat.began(request.id);
  engine::Outcome outcome = caller_.run(request, ports, std::move(stop));
  seat.over();
  return outcome;
}

}  // namespace stepd::runtime
