#include <memory>
#include <optional>

#include "plugins/long_request/steps.hpp"

STEPD_PLUGIN("long_request", "0.1.0", plugin) {
  long_request::describe(plugin, std::make_shared<std::optional<long_request::Partner>>());
}
