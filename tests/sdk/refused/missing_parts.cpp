// refused: no public constructor of the step class takes what is handed
#include <memory>
#include <stepd/plugin.hpp>

class Needs : public stepd::Step<void> {
 public:
  explicit Needs(std::shared_ptr<int> shared) : shared_(shared) {}
  void execute(stepd::Context&, const stepd::Nothing&) {}

 private:
  std::shared_ptr<int> shared_;
};

STEPD_PLUGIN("refused", "1", plugin) { plugin.step<Needs>("refused.step"); }
