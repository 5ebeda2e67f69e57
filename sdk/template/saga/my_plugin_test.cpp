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
  const auto shelf = std::make_shared<Shelf>();
  const Order order{"cup", 2};

  auto rehearsal = Rehearsal::of<Reserve>(shelf);
  demand(rehearsal.execute(order).outcome == Outcome::succeeded, "an order is reserved");
  demand(rehearsal.execute(Order{"cup", 0}).code == "bad_count", "no count, no reservation");

  rehearsal.survives_every_crash(order, [&] { demand(shelf->reservations() == 1, "one of it"); });
  rehearsal.undo_survives_every_crash(order,
                                      [&] { demand(shelf->reservations() == 0, "none of it"); });
  return 0;
} catch (const std::exception& error) {
  std::puts(error.what());
  return 1;
}
