// refused: on_init<Settings> takes a function of const Settings&
#include <stepd/plugin.hpp>

struct Settings {
  int threads = 1;
};
BOOST_DESCRIBE_STRUCT(Settings, (), (threads))

STEPD_PLUGIN("refused", "1", plugin) {
  plugin.on_init<Settings>([] {});
}
