/* A plugin to be replaced: tests write other versions over the one it is built with. */
#include <unistd.h>

#include "tests/plugin/modules/module.h"

#define MODULE_VERSION "1.000000.0"
STEPD_NOTE("test.versions", MODULE_VERSION, 0);

/* Books, unless it is a build that cannot. */
static stepd_outcome book(void* self, stepd_context* context) {
  (void)self;
  (void)context;
#ifdef MODULE_FAILS
  return STEPD_RETRY;
#else
  return STEPD_SUCCEEDED;
#endif
}

static stepd_outcome refuse(void* self, stepd_context* context) {
  (void)self;
  (void)context;
  return STEPD_REFUSED;
}

/* Runs for as long as the file named in its arguments ("…") is not there. */
static stepd_outcome linger(void* self, stepd_context* context) {
  (void)self;
  char file[4096];
  const stepd_str args = context->host->args_json(context);
  const char* from = args.len < sizeof file ? memchr(args.ptr, '/', args.len) : NULL;
  const char* to = from ? memchr(from, '"', args.len - (size_t)(from - args.ptr)) : NULL;
  if (!to) return STEPD_REFUSED;
  memcpy(file, from, (size_t)(to - from));
  file[to - from] = '\0';
  while (access(file, F_OK) != 0) {
    if (context->host->sleep_ms(context, 20) != STEPD_OK) return STEPD_CANCELLED;
  }
  return STEPD_SUCCEEDED;
}

static const stepd_step book_step = {.struct_size = sizeof(stepd_step),
                                     .kind = STEPD_KIND_SAGA,
                                     .type = TEXT("versions.book"),
                                     .version = 1,
                                     .accepts_from = 1,
                                     .execute = book,
                                     .compensate = book};
static const stepd_step refuse_step = PLAIN_STEP("versions.refuse", refuse);
static const stepd_step linger_step = PLAIN_STEP("versions.linger", linger);
static const stepd_step* const steps[] = {&book_step, &refuse_step, &linger_step};
static const stepd_plugin plugin = PLUGIN("test.versions", MODULE_VERSION, steps);

const stepd_plugin* stepd_plugin_v1(void) { return &plugin; }
