#include "my_plugin.hpp"

// Called again with the same context.idempotency_key() when a host dies before it has recorded the
// reply: an effect outside is to happen once under that key.
Reply greet(stepd::Context& context, const Greeting& greeting) {
  constexpr int times_max = 100;
  if (greeting.times < 1 || greeting.times > times_max) {
    throw stepd::Refused{"bad_times", "times must be from 1 to 100"};
  }
  context.info("greeting", {{"name", greeting.name}});
  Reply reply;
  for (int time = 0; time < greeting.times; ++time) reply.text += "hello " + greeting.name + "\n";
  return reply;
}

STEPD_PLUGIN("my_plugin", "0.1.0", plugin) {
  using namespace std::chrono_literals;
  plugin.step<greet>("my_plugin.greet")
      .title("Greet")
      .default_value(&Greeting::times, 1)
      .retry({.attempts_max = 5, .initial = 200ms})
      .timeout(30s);
}
