#include "host/runtime/seated_caller.hpp"

#include <utility>

#include "host/plugin/alternate_stack.hpp"

namespace stepd::runtime {

engine::Outcome SeatedCaller::run(const engine::CallRequest& request, plugin::CallPorts& ports,
                                  std::stop_token stop) {
  if (!caller_.runs_here(request)) return caller_.run(request, ports, std::move(stop));
  CrashSeat seat(seats_);
  const plugin::AlternateStack stack;
  seat.began(request.id);
  engine::Outcome outcome = caller_.run(request, ports, std::move(stop));
  seat.over();
  return outcome;
}

}  // namespace stepd::runtime
