// refused: a saga step needs a public member function void compensate
#include <stepd/plugin.hpp>

class Forgetful : public stepd::SagaStep<void> {
 public:
  void execute(stepd::Context&, const stepd::Nothing&) {}
};

STEPD_PLUGIN("refused", "1", plugin) { plugin.saga<Forgetful>("refused.step"); }
