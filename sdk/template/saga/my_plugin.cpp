#include "my_plugin.hpp"

#include <utility>

Reserve::Reserve(std::shared_ptr<Shelf> shelf) : shelf_(std::move(shelf)) {}

// Called again with the same key when a host dies before it has recorded the reservation: under one
// key there is one.
Reservation Reserve::execute(stepd::Context& context, const Order& order) {
  if (order.count < 1) throw stepd::Refused{"bad_count", "count must be at least 1"};
  const std::string key(context.idempotency_key());
  shelf_->reserve(key, order.count);
  context.info("reserved", {{"article", order.article}, {"count", order.count}});
  return {key};
}

// Called also where execute never came to its effect, and more than once: to undo nothing succeeds.
void Reserve::compensate(stepd::Context& context, const Order&, const std::optional<Reservation>&) {
  shelf_->release(std::string(context.execute_key()));
}

STEPD_PLUGIN("my_plugin", "0.1.0", plugin) {
  using namespace std::chrono_literals;
  plugin.saga<Reserve>("my_plugin.reserve", std::make_shared<Shelf>())
      .title("Reserve")
      .retry({.attempts_max = 5, .initial = 200ms})
      .timeout(30s)
      .compensate_timeout(1min);
}
