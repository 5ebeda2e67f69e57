// refused: a saga step is a class: derive it from stepd::SagaStep
#include <stepd/plugin.hpp>

void nothing(stepd::Context&) {}

STEPD_PLUGIN("refused", "1", plugin) { plugin.saga<nothing>("refused.step"); }
