// refused: on_init takes a function of nothing
#include <stepd/plugin.hpp>

struct Settings {
  int threads = 1;
};
BOOST_DESCRIBE_STRUCT(Settings, (), (threads))

STEPD_PLUGIN("refused", "1", plugin) {
  plugin.on_init([](const Settings&) {});
}
