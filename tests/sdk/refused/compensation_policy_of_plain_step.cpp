// refused: a plain step has no compensation that could be tried again or time out
#include <chrono>
#include <stepd/plugin.hpp>

void nothing(stepd::Context&) {}

STEPD_PLUGIN("refused", "1", plugin) {
  plugin.step<nothing>("refused.step").compensate_timeout(std::chrono::seconds(1));
}
