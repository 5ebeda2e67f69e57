// refused: this type has no JSON form
#include <stepd/plugin.hpp>

struct Undescribed {
  int times = 1;
};
Undescribed repeat(stepd::Context&) { return {}; }

STEPD_PLUGIN("refused", "1", plugin) { plugin.step<repeat>("refused.step"); }
