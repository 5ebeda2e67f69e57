/* Does harm as soon as it is loaded; the definitions say which. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/plugin/modules/module.h"

STEPD_NOTE("test.loading", "1.0.0", 0);

#ifdef MODULE_MISSES_A_FUNCTION
void a_function_that_nobody_offers(void);
#endif

__attribute__((constructor)) static void on_load(void) {
#if defined(MODULE_CRASHES)
  fputs("the table of rates is empty\n", stderr);
  abort();
#elif defined(MODULE_EXITS)
  exit(0);
#elif defined(MODULE_HANGS)
  for (;;) pause();
#elif defined(MODULE_FEARS_DESCRIPTOR)
  if (fcntl(MODULE_FEARS_DESCRIPTOR, F_GETFD) != -1) abort();
#elif defined(MODULE_MISSES_A_FUNCTION)
  a_function_that_nobody_offers();
#endif
}

static stepd_outcome work(void* self, stepd_context* context) {
  (void)self;
  (void)context;
  return STEPD_SUCCEEDED;
}

static const stepd_step step = PLAIN_STEP("loading.work", work);
static const stepd_step* const steps[] = {&step};
static const stepd_plugin plugin = PLUGIN("test.loading", "1.0.0", steps);

const stepd_plugin* stepd_plugin_v1(void) { return &plugin; }
