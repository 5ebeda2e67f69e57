// refused: a step function is Output name
#include <stepd/plugin.hpp>

int add(int left, int right) { return left + right; }

STEPD_PLUGIN("refused", "1", plugin) { plugin.step<add>("refused.step"); }
