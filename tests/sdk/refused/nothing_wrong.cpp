// Shows that the files beside it are refused for what is wrong with them.
#include <stepd/plugin.hpp>

void nothing(stepd::Context&) {}

STEPD_PLUGIN("accepted", "1", plugin) { plugin.step<nothing>("accepted.step"); }
