/* Its init does not return, in one way or another. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/plugin/modules/module.h"

STEPD_NOTE(MODULE_ID, "1.0.0", 0);

static stepd_outcome nothing(void* self, stepd_context* context) {
  (void)self;
  (void)context;
  return STEPD_SUCCEEDED;
}

static stepd_status init(const stepd_host* host, stepd_str config_json,
                         void (*refuse)(void* refusal, stepd_str message), void* refusal) {
  (void)host;
  (void)config_json;
  (void)refuse;
  (void)refusal;
#ifdef MODULE_HANGS
  for (;;) pause();
#else
  abort();
#endif
}

static const stepd_step step = PLAIN_STEP("init.nothing", nothing);
static const stepd_step* const steps[] = {&step};
static const stepd_plugin plugin = {
    .struct_size = sizeof(stepd_plugin),
    .id = TEXT(MODULE_ID),
    .version = TEXT("1.0.0"),
    .step_count = 1,
    .steps = steps,
    .init = init,
};

const stepd_plugin* stepd_plugin_v1(void) { return &plugin; }
