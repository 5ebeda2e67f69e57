/* One step that returns its arguments; the definitions say under which names. */
#include "tests/plugin/modules/module.h"

#ifndef MODULE_ID
#define MODULE_ID "test.good"
#endif
#ifndef MODULE_CODE_ID
#define MODULE_CODE_ID MODULE_ID
#endif
#ifndef MODULE_VERSION
#define MODULE_VERSION "1.2.0"
#endif
#ifndef MODULE_TYPE
#define MODULE_TYPE "good.echo"
#endif
#ifndef MODULE_DESCRIPTION
#define MODULE_DESCRIPTION "returns its arguments"
#endif
#ifndef MODULE_ABI_MINOR
#define MODULE_ABI_MINOR 0
#endif

#ifndef MODULE_WITHOUT_NOTE
STEPD_NOTE(MODULE_ID, MODULE_VERSION, MODULE_ABI_MINOR);
#endif

static stepd_outcome echo(void* self, stepd_context* context) {
  (void)self;
  const stepd_str args = context->host->args_json(context);
  return context->host->set_output(context, args) == STEPD_OK ? STEPD_SUCCEEDED : STEPD_FAILED;
}

static const stepd_retry_policy retry = {
    .struct_size = sizeof(stepd_retry_policy),
    .attempts_max = 7,
    .initial_ms = 250,
    .max_ms = -1,
    .multiplier_milli = 1500,
    .jitter_permille = 0,
};
static const stepd_step echo_step = {
    .struct_size = sizeof(stepd_step),
    .kind = STEPD_KIND_PLAIN,
    .type = TEXT(MODULE_TYPE),
    .version = 3,
    .accepts_from = 2,
    .title = TEXT("Echo"),
    .description = TEXT(MODULE_DESCRIPTION),
    .args_schema = TEXT("{\"type\":\"object\"}"),
    .retry = &retry,
    .timeout_ms = 1500,
    .execute = echo,
    .not_repeatable = 1,
};
static const stepd_step* const steps[] = {&echo_step};
static const stepd_plugin plugin = PLUGIN(MODULE_CODE_ID, MODULE_VERSION, steps);

const stepd_plugin* stepd_plugin_v1(void) { return &plugin; }
