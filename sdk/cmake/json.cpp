// Boost.JSON, compiled once for all plugins of a build: see stepd_add_plugin.
#include <boost/json/src.hpp>
