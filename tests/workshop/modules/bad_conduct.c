/* One step type for each check of conduct, named after the check that it fails. */
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "tests/plugin/modules/module.h"

STEPD_NOTE("test.bad_conduct", "1.0.0", 0);

static const stepd_str yes = TEXT("true");
static const stepd_str mark = TEXT("mark");

static stepd_outcome succeed(stepd_context* context, stepd_str output) {
  return context->host->set_output(context, output) == STEPD_OK ? STEPD_SUCCEEDED : STEPD_RETRY;
}

static stepd_outcome well(void* self, stepd_context* context) {
  (void)self;
  return succeed(context, yes);
}

/* Returns what its schema does not speak of. */
static stepd_outcome valid(void* self, stepd_context* context) {
  (void)self;
  return succeed(context, (stepd_str)TEXT("{\"text\":7}"));
}

static int holds(stepd_str text, const char* part) {
  return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

/* Believes that the name is there, and a text. */
static stepd_outcome wrong(void* self, stepd_context* context) {
  (void)self;
  if (!holds(context->host->args_json(context), "\"name\":\"")) abort();
  return succeed(context, yes);
}

/* Believes that the name has a first letter. */
static stepd_outcome empty(void* self, stepd_context* context) {
  (void)self;
  if (holds(context->host->args_json(context), "\"name\":\"\"")) abort();
  return succeed(context, yes);
}

static stepd_outcome huge(void* self, stepd_context* context) {
  (void)self;
  if (context->host->args_json(context).len > 4096) abort();
  return succeed(context, yes);
}

static stepd_outcome non_utf8(void* self, stepd_context* context) {
  (void)self;
  const stepd_str args = context->host->args_json(context);
  for (size_t at = 0; at < args.len; ++at) {
    if ((unsigned char)args.ptr[at] > 0x7f) abort();
  }
  return succeed(context, yes);
}

/* Never asks whether it is to stop. */
static stepd_outcome cancel(void* self, stepd_context* context) {
  (void)self;
  poll(NULL, 0, 60000);
  return succeed(context, yes);
}

/* Says nothing for longer than it promises. */
static stepd_outcome heartbeat(void* self, stepd_context* context) {
  (void)self;
  context->host->sleep_ms(context, 300);
  return succeed(context, yes);
}

/* Two calls of it do not bear each other. */
static stepd_outcome eight_at_once(void* self, stepd_context* context) {
  static atomic_int inside;
  (void)self;
  if (atomic_fetch_add(&inside, 1) > 0) abort();
  context->host->sleep_ms(context, 100);
  atomic_fetch_sub(&inside, 1);
  return succeed(context, yes);
}

static stepd_outcome fails_where_marked(stepd_context* context) {
  stepd_str found;
  const int32_t phase = context->host->call(context)->phase;
  if (context->host->memo_load(context, phase, mark, &found) == STEPD_OK) return STEPD_FAILED;
  if (context->host->memo_save(context, mark, yes) != STEPD_OK) return STEPD_RETRY;
  return succeed(context, yes);
}

/* Takes its own traces for somebody else's. */
static stepd_outcome crash(void* self, stepd_context* context) {
  (void)self;
  return fails_where_marked(context);
}
static stepd_outcome compensate_twice(void* self, stepd_context* context) {
  (void)self;
  return fails_where_marked(context);
}

/* Undoes only what it knows to have happened. */
static stepd_outcome compensate_without_execute(void* self, stepd_context* context) {
  stepd_str output;
  (void)self;
  return context->host->own_output(context, &output) == STEPD_OK ? STEPD_SUCCEEDED : STEPD_FAILED;
}

/* Calls what a host may offer some day, without asking whether this one does. */
__attribute__((no_sanitize("address", "undefined"))) static stepd_outcome oldest_host(
    void* self, stepd_context* context) {
  (void)self;
  const char* const behind = (const char*)context->host + sizeof *context->host;
  return *(const volatile char*)behind == 77 ? STEPD_RETRY : succeed(context, yes);
}

static const char name_schema[] =
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"}},\"required\":[\"name\"],"
    "\"additionalProperties\":false}";
static const char text_schema[] =
    "{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"}}}";
static const char default_schema[] =
    "{\"type\":\"object\",\"properties\":{\"times\":{\"type\":\"integer\",\"default\":\"one\"}}}";

#define STEP(NAME, ...)                                                     \
  static const stepd_step NAME##_step = {.struct_size = sizeof(stepd_step), \
                                         .type = TEXT("bad." #NAME),        \
                                         .version = 1,                      \
                                         .accepts_from = 1,                 \
                                         __VA_ARGS__}
#define ARGS(SCHEMA) .args_schema = TEXT(SCHEMA)

STEP(valid, .execute = valid, .output_schema = TEXT(text_schema));
STEP(wrong, .execute = wrong, ARGS(name_schema));
STEP(empty, .execute = empty, ARGS(name_schema));
STEP(huge, .execute = huge, ARGS(name_schema));
STEP(non_utf8, .execute = non_utf8, ARGS(name_schema));
STEP(cancel, .execute = cancel);
STEP(heartbeat, .execute = heartbeat, .heartbeat_ms = 50);
STEP(eight_at_once, .execute = eight_at_once);
STEP(crash, .execute = crash);
STEP(compensate_twice, .kind = STEPD_KIND_SAGA, .execute = well, .compensate = compensate_twice);
STEP(compensate_without_execute, .kind = STEPD_KIND_SAGA, .execute = well,
     .compensate = compensate_without_execute);
STEP(oldest_host, .execute = oldest_host);
STEP(schemas, .execute = well, ARGS(default_schema));

static const stepd_step* const steps[] = {&valid_step,
                                          &wrong_step,
                                          &empty_step,
                                          &huge_step,
                                          &non_utf8_step,
                                          &cancel_step,
                                          &heartbeat_step,
                                          &eight_at_once_step,
                                          &crash_step,
                                          &compensate_twice_step,
                                          &compensate_without_execute_step,
                                          &oldest_host_step,
                                          &schemas_step};
static const stepd_plugin plugin = PLUGIN("test.bad_conduct", "1.0.0", steps);

const stepd_plugin* stepd_plugin_v1(void) { return &plugin; }
