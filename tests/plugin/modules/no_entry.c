/* A note, and nothing behind it. */
#include "tests/plugin/modules/module.h"

STEPD_NOTE("test.no_entry", "1.0.0", 0);
