/* A saga step that cannot be undone. */
#include "tests/plugin/modules/module.h"

STEPD_NOTE("test.bad_saga", "1.0.0", 0);

static stepd_outcome work(void* self, stepd_context* context) {
  (void)self;
  (void)context;
  return STEPD_SUCCEEDED;
}

static const stepd_step step = {
    .struct_size = sizeof(stepd_step),
    .kind = STEPD_KIND_SAGA,
    .type = TEXT("bad.saga"),
    .version = 1,
    .accepts_from = 1,
    .execute = work,
};
static const stepd_step* const steps[] = {&step};
static const stepd_plugin plugin = PLUGIN("test.bad_saga", "1.0.0", steps);

const stepd_plugin* stepd_plugin_v1(void) { return &plugin; }
