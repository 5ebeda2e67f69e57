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

#ifdef MODULE_RECURSES
/* To the end of the stack: what it returns is used, so that no compiler makes a loop of it. */
static int deep(const char* above) {
  volatile char space[4096];
  space[0] = above[0];
  return deep((const char*)space) + space[0];
}
#endif

__attribute__((constructor)) static void on_load(void) {
#if defined(MODULE_CRASHES)
  fputs("the table of rates is empty\n", stderr);
  abort();
#elif defined(MODULE_EXITS)
  exit(0);
#elif defined(MODULE_SEGFAULTS)
  *(volatile int*)16 = 1;
#elif defined(MODULE_RECURSES)
  char space[4096];
  memset(space, deep(space), sizeof space);
#elif defined(MODULE_FLOODS)
  for (;;) puts("and so on and so on and so on and so on and so on and so on and so on");
#elif defined(MODULE_FORKS)
  if (fork() == 0) {
    for (;;) pause();
  }
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
