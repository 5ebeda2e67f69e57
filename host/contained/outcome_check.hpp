#pragma once

#include <string_view>

#include "host/contained/wire.hpp"

/// What a call says, as the functions of a call in this process would have let it through: its own
/// process has run the plugin's code, and may say anything. They throw BadMessage.
namespace stepd::contained {

void require_possible(const engine::Outcome& outcome, engine::Phase phase,
                      const engine::Limits& limits);
void require_possible(const Save& wish);
void require_possible(const Send& wish, const engine::Limits& limits);
void require_possible(const LogLine& line);

}  // namespace stepd::contained
