#pragma once

#include <cstdint>
#include <stop_token>
#include <variant>

#include "host/contained/live_process.hpp"
#include "host/plugin/step_call.hpp"

namespace stepd::contained {

/// No outcome has come: the call did not reach the process, or that has ended, or is being killed.
enum class Unheard : std::uint8_t { not_sent, ended };

/// Has the process run a call and answers what it asks meanwhile, on the calling thread. Trouble of
/// the host's own on the way kills the process, too.
[[nodiscard]] std::variant<engine::Outcome, Unheard> exchange(LiveProcess::Seat& seat,
                                                              const engine::CallRequest& request,
                                                              plugin::CallPorts& ports,
                                                              std::stop_token stop,
                                                              const engine::Limits& limits);

}  // namespace stepd::contained
