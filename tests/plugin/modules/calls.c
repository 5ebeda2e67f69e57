/* Asks the host for everything it offers, once, and demands the right answer each time. */
#include <limits.h>

#include "tests/plugin/modules/module.h"

STEPD_NOTE("test.calls", "1.0.0", 0);

#define DEMAND(condition)                                              \
  do {                                                                 \
    if (!(condition)) return complain(context, "not so: " #condition); \
  } while (0)

static stepd_outcome complain(stepd_context* context, const char* what) {
  const stepd_error error = {
      .struct_size = sizeof error,
      .code = TEXT("demand"),
      .message = {what, strlen(what)},
      .retry_after_ms = -1,
  };
  context->host->set_error(context, &error);
  return STEPD_FAILED;
}

static stepd_outcome check_records(stepd_context* context) {
  const stepd_host_calls* host = context->host;
  const stepd_str key = TEXT("k");
  stepd_str text;
  DEMAND(host->checkpoint_load(context, STEPD_PHASE_EXECUTE, &text) == STEPD_NONE);
  DEMAND(host->checkpoint_save(context, (stepd_str)TEXT("one")) == STEPD_OK);
  DEMAND(host->checkpoint_load(context, STEPD_PHASE_EXECUTE, &text) == STEPD_OK);
  DEMAND(host->checkpoint_save(context, (stepd_str)TEXT("two")) == STEPD_OK);
  DEMAND(is_text(text, "one"));
  DEMAND(host->checkpoint_load(context, STEPD_PHASE_COMPENSATE, &text) == STEPD_INVALID);
  DEMAND(host->memo_load(context, STEPD_PHASE_EXECUTE, key, &text) == STEPD_NONE);
  DEMAND(host->memo_save(context, key, (stepd_str)TEXT("first")) == STEPD_OK);
  DEMAND(host->memo_save(context, key, (stepd_str)TEXT("second")) == STEPD_NONE);
  DEMAND(host->memo_load(context, STEPD_PHASE_EXECUTE, key, &text) == STEPD_OK);
  DEMAND(is_text(text, "first"));
  return STEPD_SUCCEEDED;
}

static stepd_outcome check_life(stepd_context* context) {
  const stepd_host_calls* host = context->host;
  DEMAND(host->heartbeat(context) == STEPD_OK);
  DEMAND(host->progress(context, 500, (stepd_str)TEXT("half")) == STEPD_OK);
  DEMAND(host->progress(context, 1001, (stepd_str)TEXT("")) == STEPD_INVALID);
  DEMAND(host->stop_requested(context) == 0);
  DEMAND(host->stop_fd(context) >= 0);
  DEMAND(host->time_left_ms(context) == 30000);
  DEMAND(host->sleep_ms(context, 0) == STEPD_OK);
  DEMAND(host->now_unix_ms(context) == 1700000000000);
  host->log(context, STEPD_LOG_INFO, (stepd_str)TEXT("hello"), (stepd_str)TEXT("{\"a\":1}"));
  DEMAND(host->suspend_until(context, -1) == STEPD_INVALID);
  DEMAND(host->suspend_for(context, -1) == STEPD_INVALID);
  return STEPD_SUCCEEDED;
}

static stepd_outcome check_everything(void* self, stepd_context* context) {
  (void)self;
  const stepd_host_calls* host = context->host;
  const stepd_call* call = host->call(context);
  stepd_str text;
  DEMAND(host->struct_size == sizeof *host && host->abi_minor == STEPD_ABI_MINOR);
  DEMAND(call->struct_size == sizeof *call && call->phase == STEPD_PHASE_EXECUTE);
  DEMAND(is_text(call->tenant, "default") && is_text(call->job_name, "job"));
  DEMAND(is_text(call->step_id, "here") && is_text(call->step_type, "calls.everything"));
  DEMAND(call->step_version == 1 && call->attempt == 2 && call->attempts_max == 5);
  DEMAND(call->outcome_unknown == 1 && call->call == 7 && call->fencing_token == 9);
  DEMAND(call->deadline_unix_ms == 1700000060000);
  DEMAND(call->job_id.len > 0 && call->idempotency_key.len > call->job_id.len);
  DEMAND(memcmp(call->idempotency_key.ptr, call->job_id.ptr, call->job_id.len) == 0);
  DEMAND(is_text(call->execute_key, "") == 0);
  DEMAND(is_text(host->args_json(context), "{\"a\":1}"));
  DEMAND(host->output_of(context, (stepd_str)TEXT("before"), &text) == STEPD_OK);
  DEMAND(is_text(text, "[1]"));
  DEMAND(host->output_of(context, (stepd_str)TEXT("nobody"), &text) == STEPD_NONE);
  DEMAND(host->own_output(context, &text) == STEPD_NONE);
  DEMAND(host->config(context, (stepd_str)TEXT("nothing"), &text) == STEPD_NONE);
  DEMAND(host->children_open(context) == 0);
  DEMAND(host->child_result(context, (stepd_str)TEXT("nobody"), &text) == STEPD_NONE);
  DEMAND(host->async_begin == NULL && host->async_finish == NULL);
  DEMAND(host->extension(context, "stepd.metrics/1") == NULL);
  stepd_outcome outcome = check_records(context);
  if (outcome == STEPD_SUCCEEDED) outcome = check_life(context);
  if (outcome != STEPD_SUCCEEDED) return outcome;
  DEMAND(host->set_output(context, (stepd_str)TEXT("{")) == STEPD_INVALID);
  DEMAND(host->set_output(context, (stepd_str)TEXT("\"all\"")) == STEPD_OK);
  return STEPD_SUCCEEDED;
}

static const stepd_step everything = PLAIN_STEP("calls.everything", check_everything);
static const stepd_step* const steps[] = {&everything};
static const stepd_plugin plugin = PLUGIN("test.calls", "1.0.0", steps);

const stepd_plugin* stepd_plugin_v1(void) { return &plugin; }
