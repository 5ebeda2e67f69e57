/* Wants {"rate": 3} as its configuration, and its calls return what they read of it. */
#include "tests/plugin/modules/module.h"

STEPD_NOTE("test.init", "1.0.0", 0);

static stepd_outcome rate(void* self, stepd_context* context) {
  (void)self;
  stepd_str value;
  if (context->host->config(context, (stepd_str)TEXT("rate"), &value) != STEPD_OK) {
    return STEPD_FAILED;
  }
  return context->host->set_output(context, value) == STEPD_OK ? STEPD_SUCCEEDED : STEPD_FAILED;
}

static stepd_status init(const stepd_host* host, stepd_str config_json,
                         void (*refuse)(void* refusal, stepd_str message), void* refusal) {
  if (!is_text(config_json, "{\"rate\":3}")) {
    refuse(refusal, (stepd_str)TEXT("\"rate\" is missing"));
    return STEPD_INVALID;
  }
  host->log(host, STEPD_LOG_INFO, (stepd_str)TEXT("rate is 3"));
  return STEPD_OK;
}

static const stepd_step step = PLAIN_STEP("init.rate", rate);
static const stepd_step* const steps[] = {&step};
static const stepd_plugin plugin = {
    .struct_size = sizeof(stepd_plugin),
    .id = TEXT("test.init"),
    .version = TEXT("1.0.0"),
    .step_count = 1,
    .steps = steps,
    .init = init,
};

const stepd_plugin* stepd_plugin_v1(void) { return &plugin; }
