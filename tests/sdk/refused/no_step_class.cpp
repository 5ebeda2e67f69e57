// refused: a step class derives from stepd::Step<Arguments, Output>
#include <stepd/plugin.hpp>

class Alone {
 public:
  void execute(stepd::Context&, const stepd::Nothing&) {}
};

STEPD_PLUGIN("refused", "1", plugin) { plugin.step<Alone>("refused.step"); }
