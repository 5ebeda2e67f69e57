// refused: a plain Step is offered with plugin.step
#include <stepd/plugin.hpp>

class Plain : public stepd::Step<void> {
 public:
  void execute(stepd::Context&, const stepd::Nothing&) {}
};

STEPD_PLUGIN("refused", "1", plugin) { plugin.saga<Plain>("refused.step"); }
