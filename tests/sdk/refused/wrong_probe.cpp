// refused: a probe is a public member function
#include <stepd/plugin.hpp>

class Guesses : public stepd::Step<void> {
 public:
  void execute(stepd::Context&, const stepd::Nothing&) {}
  bool probe(stepd::Context&, const stepd::Nothing&) { return true; }
};

STEPD_PLUGIN("refused", "1", plugin) { plugin.step<Guesses>("refused.step"); }
