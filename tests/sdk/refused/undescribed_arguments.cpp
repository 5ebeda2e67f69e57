// refused: this type has no JSON form
#include <stepd/plugin.hpp>

struct Undescribed {
  int times = 1;
};
void repeat(stepd::Context&, const Undescribed&) {}

STEPD_PLUGIN("refused", "1", plugin) { plugin.step<repeat>("refused.step"); }
