#include <memory>
#include <optional>

#include "plugins/http/request.hpp"

STEPD_PLUGIN("http", "0.1.0", plugin) {
  http::describe(plugin, std::make_shared<std::optional<http::Client>>());
}
