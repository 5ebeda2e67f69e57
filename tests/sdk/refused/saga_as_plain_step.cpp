// refused: a SagaStep is offered with plugin.saga
#include <optional>
#include <stepd/plugin.hpp>

class Undoable : public stepd::SagaStep<void> {
 public:
  void execute(stepd::Context&, const stepd::Nothing&) {}
  void compensate(stepd::Context&, const stepd::Nothing&, const std::optional<stepd::Nothing>&) {}
};

STEPD_PLUGIN("refused", "1", plugin) { plugin.step<Undoable>("refused.step"); }
