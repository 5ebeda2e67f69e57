#include "my_plugin.hpp"

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <stepd/testing/rehearsal.hpp>

using stepd::testing::Outcome;
using stepd::testing::Rehearsal;

void demand(bool fact, const char* sentence) {
  if (!fact) throw std::runtime_error(sentence);
}

int main() try {
  auto rehearsal = Rehearsal::of<greet>();
  demand(rehearsal.execute(Greeting{"Ada", 1}).outcome == Outcome::succeeded, "Ada is greeted");
  demand(rehearsal.execute(Greeting{"Ada", 0}).code == "bad_times", "no greeting, no reply");
  rehearsal.survives_every_crash(Greeting{"Ada", 2}, [] {});
  return 0;
} catch (const std::exception& error) {
  std::puts(error.what());
  return 1;
}
