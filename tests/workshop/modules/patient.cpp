// Says that it begins and waits until it is asked to stop.
#include <stepd/plugin.hpp>

using namespace std::chrono_literals;

void wait(stepd::Context& context) {
  context.info("waits");
  context.sleep(1h);
}

STEPD_PLUGIN("test.patient", "1.0.0", plugin) { plugin.step<wait>("patient.wait"); }
