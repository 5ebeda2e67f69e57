#include <memory>

#include "plugins/bank/steps.hpp"

STEPD_PLUGIN("bank", "0.1.0", plugin) {
  bank::describe(plugin, std::make_shared<std::optional<bank::Ledgers>>());
}
