// Its description throws.
#include <stdexcept>
#include <stepd/plugin.hpp>

STEPD_PLUGIN("test.undescribed", "1.0.0", plugin) {
  static_cast<void>(plugin);
  throw std::runtime_error("the list of steps is not to be had");
}
