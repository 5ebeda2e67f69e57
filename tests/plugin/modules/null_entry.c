/* A plugin that could not describe itself. */
#include "tests/plugin/modules/module.h"

STEPD_NOTE("test.null_entry", "1.0.0", 0);

const stepd_plugin* stepd_plugin_v1(void) { return NULL; }
