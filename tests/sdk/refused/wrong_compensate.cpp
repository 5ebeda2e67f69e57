// refused: a saga step needs a public member function void compensate
#include <optional>
#include <stepd/plugin.hpp>

class Careless : public stepd::SagaStep<void> {
 public:
  void execute(stepd::Context&, const stepd::Nothing&) {}
  void compensate(stepd::Context&) {}
};

STEPD_PLUGIN("refused", "1", plugin) { plugin.saga<Careless>("refused.step"); }
