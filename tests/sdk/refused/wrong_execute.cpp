// refused: a step class needs a public member function Output execute
#include <stepd/plugin.hpp>

class Hidden : public stepd::Step<void> {
  void execute(stepd::Context&, const stepd::Nothing&) {}
};

STEPD_PLUGIN("refused", "1", plugin) { plugin.step<Hidden>("refused.step"); }
