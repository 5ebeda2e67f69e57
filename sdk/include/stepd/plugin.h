/* The stepd plugin ABI, major 1: plain C, so that any compiler, C++ library or Boost version may
 * build a plugin that loads into any later stepd of the same major.
 *
 * Rules of the boundary
 *  - The plugin exports one symbol, stepd_plugin_v1. It is pure: no threads, no I/O, static data.
 *  - Every struct begins with struct_size, set by whoever filled it; fields are only ever appended.
 *    A field exists when STEPD_HAS says so; an absent function is NULL.
 *  - Text is UTF-8 and borrowed; it is JSON where the name says so. Neither side frees the other's
 *    memory. What the host hands in stays valid until the call ends; what the plugin hands out is
 *    copied before the host function returns.
 *  - No exception crosses. Functions marked [any thread] may be called from several threads, also
 *    at the same time, from the start of a call until its callback returns.
 *  - A plugin leaves process-wide state alone: signals, working directory, locale, umask, exit.
 */
#ifndef STEPD_PLUGIN_H
#define STEPD_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#if !defined(__linux__) || !defined(__LP64__)
#error "the stepd plugin ABI, major 1, is defined for 64-bit Linux"
#endif

#ifdef __cplusplus
#define STEPD_NOEXCEPT noexcept
extern "C" {
#else
#define STEPD_NOEXCEPT
#endif

#define STEPD_ABI_MAJOR 1u
#define STEPD_ABI_MINOR 0u /* raised whenever a field or function is appended */

#define STEPD_EXPORT __attribute__((visibility("default"), used))

/* True when the other side's struct reaches as far as this field. */
#define STEPD_HAS(object, field) \
  ((object)->struct_size >= offsetof(__typeof__(*(object)), field) + sizeof((object)->field))
/* The same for a function: it must also be there. */
#define STEPD_HAS_FUNCTION(object, field) (STEPD_HAS(object, field) && (object)->field)

/* Borrowed UTF-8 bytes, not always NUL-terminated. {NULL, 0} is "absent" where that matters. */
typedef struct stepd_str {
  const char* ptr;
  size_t len;
} stepd_str;

/* What a host function answers. Below zero it did nothing. */
typedef int32_t stepd_status;
#define STEPD_OK 0
#define STEPD_NONE 1       /* what was asked for is not there */
#define STEPD_TIMED_OUT 2  /* the wait that was asked about ended because its time was up */
#define STEPD_INVALID (-1) /* an argument is wrong, or this is not the time for this function */
#define STEPD_FENCED (-2)  /* the call is over or its host lost the job: change nothing outside */
#define STEPD_STOPPED (-3) /* the call was asked to stop while the function waited */
#define STEPD_TOO_BIG (-4) /* over the host's limit */
#define STEPD_UNAVAILABLE (-5) /* not now (the disk is full, say): try later */
#define STEPD_UNSUPPORTED (-6) /* this host does not offer the function */

/* What a callback returns. A value the host does not know parks the step. */
typedef int32_t stepd_outcome;
#define STEPD_SUCCEEDED 0 /* done; in a probe: it took effect */
#define STEPD_RETRY 1     /* did not work, may work later */
#define STEPD_REFUSED 2   /* will never work, and this call took no effect */
#define STEPD_FAILED 3    /* will never work, and may have taken effect */
#define STEPD_SUSPENDED 4 /* not finished: go on when what was asked for with suspend_* happens */
#define STEPD_EFFECT_UNKNOWN 5 /* may or may not have taken effect; in a probe: still unknown */
#define STEPD_CANCELLED 6      /* stopped because it was asked to */
#define STEPD_NO_EFFECT 7      /* probe only: it took no effect */
#define STEPD_PENDING 8        /* goes on after the callback; async_finish ends the call */

#define STEPD_PHASE_EXECUTE 0
#define STEPD_PHASE_PROBE 1
#define STEPD_PHASE_COMPENSATE 2

#define STEPD_KIND_PLAIN 0
#define STEPD_KIND_SAGA 1

#define STEPD_LOG_DEBUG 0
#define STEPD_LOG_INFO 1
#define STEPD_LOG_WARNING 2
#define STEPD_LOG_ERROR 3

typedef struct stepd_context stepd_context; /* one call of one step */
typedef struct stepd_async stepd_async;     /* a call that goes on after its callback */

/* The facts of a call, the same for as long as it lasts. */
typedef struct stepd_call {
  uint32_t struct_size;
  int32_t phase; /* STEPD_PHASE_* */
  stepd_str tenant;
  stepd_str job_id;
  stepd_str job_name;
  stepd_str step_id;   /* unique within the job */
  stepd_str step_type; /* "bank.transfer_out" */
  uint32_t step_version;
  uint32_t attempt;          /* charged to the retry policy, from 1 */
  uint32_t attempts_max;     /* 0: without end */
  uint32_t outcome_unknown;  /* 1: how the call before this one ended is not known */
  uint64_t call;             /* increases within the job */
  uint64_t fencing_token;    /* never decreases for a job; a higher one has replaced a lower one */
  int64_t deadline_unix_ms;  /* 0: none */
  stepd_str idempotency_key; /* the same for every call of this phase of this step */
  stepd_str execute_key;     /* the idempotency key of the execute phase */
} stepd_call;

/* Why a step did not succeed; built by the plugin, copied by the host. */
typedef struct stepd_error {
  uint32_t struct_size;
  uint32_t reserved;
  stepd_str code;         /* stable and machine-readable: "account_closed" */
  stepd_str message;      /* for a person: the thing, the fact, the remedy */
  stepd_str details_json; /* an object, or absent */
  int64_t retry_after_ms; /* the next attempt comes no sooner than this; -1: as the policy says */
} stepd_error;

/* What the host offers to a call. All functions [any thread] unless they say otherwise. */
typedef struct stepd_host_calls {
  uint32_t struct_size;
  uint32_t abi_minor; /* the host's */

  /* What the call is about. */
  const stepd_call* (*call)(stepd_context*);
  stepd_str (*args_json)(stepd_context*);
  /* The output of a step that precedes this one; STEPD_NONE if it has none (it was skipped). */
  stepd_status (*output_of)(stepd_context*, stepd_str step_id, stepd_str* json);
  /* Probe and compensate: what execute returned; STEPD_NONE when that is not known. */
  stepd_status (*own_output)(stepd_context*, stepd_str* json);
  /* A value of this plugin's configuration by its key; strings bare, everything else as JSON. */
  stepd_status (*config)(stepd_context*, stepd_str key, stepd_str* value);

  /* Kept on disk: STEPD_OK means it is there. A phase reads its own and, to undo, execute's. */
  stepd_status (*checkpoint_load)(stepd_context*, int32_t phase, stepd_str* bytes);
  stepd_status (*checkpoint_save)(stepd_context*, stepd_str bytes);
  stepd_status (*memo_load)(stepd_context*, int32_t phase, stepd_str key, stepd_str* bytes);
  /* The first write of a key wins; a later one answers STEPD_NONE and changes nothing. */
  stepd_status (*memo_save)(stepd_context*, stepd_str key, stepd_str bytes);

  /* The answer. set_output and set_error may be called again; the last one counts. An output the
   * host did not take (TOO_BIG, or INVALID: no JSON) parks a step that says STEPD_SUCCEEDED. */
  stepd_status (*set_output)(stepd_context*, stepd_str json);
  stepd_status (*set_error)(stepd_context*, const stepd_error*);

  /* Signs of life. */
  stepd_status (*heartbeat)(stepd_context*);
  stepd_status (*progress)(stepd_context*, uint32_t permille, stepd_str note);
  uint32_t (*stop_requested)(stepd_context*);
  /* Readable once the call is asked to stop; the host's: do not read or close it. -1: none. */
  int (*stop_fd)(stepd_context*);
  /* Until the call's time-out or the job's deadline, whichever is first; INT64_MAX: neither. */
  int64_t (*time_left_ms)(stepd_context*);
  /* Waits on the steady clock; STEPD_STOPPED when the call is asked to stop meanwhile. */
  stepd_status (*sleep_ms)(stepd_context*, int64_t);
  void (*log)(stepd_context*, int32_t level, stepd_str message, stepd_str fields_json);

  /* Ask for one or more of these, then return STEPD_SUSPENDED. */
  stepd_status (*suspend_until)(stepd_context*, int64_t unix_ms);
  stepd_status (*suspend_for)(stepd_context*, int64_t ms);
  /* timeout_ms -1: for as long as it takes. The host keeps how the wait ends: see wait_result. */
  stepd_status (*suspend_for_event)(stepd_context*, stepd_str event_key, int64_t timeout_ms);
  /* Until every job that the step has started has settled. */
  stepd_status (*suspend_for_children)(stepd_context*);

  /* Events and child jobs. */
  /* How this phase's wait number `index` (from 0) of those for the key ended, the same for every
   * later call: OK and {"id", "key", "data", "at_unix_ms"}; TIMED_OUT; NONE: it has not ended. */
  stepd_status (*wait_result)(stepd_context*, stepd_str key, uint32_t index, stepd_str* json);
  /* Starts a job, together with a success or a suspension of this call: a call that ends otherwise
   * has started none. A key names one job of the step, the first, and does not begin with "undo:";
   * INVALID: *refusal says why. */
  stepd_status (*spawn)(stepd_context*, stepd_str child_key, stepd_str job_json,
                        stepd_str* refusal);
  /* {"key", "job", "number", "state", "output", "error"}, the last three null until it has settled;
   * NONE: the step has started none of this key, or not on disk yet. */
  stepd_status (*child_result)(stepd_context*, stepd_str child_key, stepd_str* json);

  /* Going on after the callback: begin, keep the handle, return STEPD_PENDING, finish once. */
  stepd_async* (*async_begin)(stepd_context*);
  void (*async_finish)(stepd_async*, stepd_outcome);

  /* Anything else, by name and revision: "stepd.metrics/1". NULL: not offered. */
  const void* (*extension)(stepd_context*, const char* name);

  /* The host's wall clock: what suspend_until is measured by, also where time is played. */
  int64_t (*now_unix_ms)(stepd_context*);

  /* As suspend_for, and its end is kept under the name: wait_result answers TIMED_OUT then. */
  stepd_status (*suspend_named)(stepd_context*, stepd_str name, int64_t ms);
  /* On disk once it answers OK, and given to the oldest wait for the key. The id makes it one event
   * however often it is sent; NONE: the id names an event of other content already. */
  stepd_status (*send_event)(stepd_context*, stepd_str id, stepd_str key, stepd_str data_json);
  /* 1: jobs that the step has started, this call's among them, have not all settled. */
  uint32_t (*children_open)(stepd_context*);
  /* A list of up to 100 jobs as child_result tells them, in the order in which they settled, from
   * number after + 1 on; and a wait until there are more than the number seen. */
  stepd_status (*settled_children)(stepd_context*, uint32_t after, stepd_str* json);
  stepd_status (*suspend_for_another_child)(stepd_context*, uint32_t seen);
  /* As checkpoint_save, but together with a success or a suspension of this call, or not at all. */
  stepd_status (*checkpoint_with_answer)(stepd_context*, stepd_str bytes);

  /* Compensate only. Undoes the job that execute has started under the key: a job of its own, which
   * starts together with a success or a suspension of this call and is one of the step's jobs then.
   * OK also when it is being undone already; NONE: it did not succeed, or nothing that it did can
   * be undone; INVALID: *refusal says why it cannot be, or what is wrong. */
  stepd_status (*undo_child)(stepd_context*, stepd_str child_key, stepd_str* refusal);
  /* As child_result, of the job that undoes that one, whoever asked for it: undone once its state
   * is "compensated". NONE: there is none, or not on disk yet. */
  stepd_status (*child_undo)(stepd_context*, stepd_str child_key, stepd_str* json);
  /* end of 1.0 */
} stepd_host_calls;

struct stepd_context {
  const stepd_host_calls* host;
  /* the rest is the host's */
};

typedef struct stepd_retry_policy {
  uint32_t struct_size;
  uint32_t attempts_max; /* 0: not set here */
  int64_t initial_ms;    /* -1: not set here; likewise below */
  int64_t max_ms;
  int32_t multiplier_milli; /* 2000 doubles */
  int32_t jitter_permille;
} stepd_retry_policy;

/* One step type. Constant once stepd_plugin_v1 has returned. */
typedef struct stepd_step {
  uint32_t struct_size;
  int32_t kind;          /* STEPD_KIND_* */
  stepd_str type;        /* "bank.transfer_out": lower case words, a dot, lower case words */
  uint32_t version;      /* raised when arguments or checkpoints change their meaning */
  uint32_t accepts_from; /* takes over steps recorded with a version in [accepts_from, version] */
  stepd_str title;
  stepd_str description;
  stepd_str args_schema; /* JSON Schema 2020-12, an object */
  stepd_str output_schema;
  const stepd_retry_policy* retry; /* NULL: the host's default */
  const stepd_retry_policy* compensate_retry;
  int64_t timeout_ms;   /* of one call; 0: none; likewise below */
  int64_t heartbeat_ms; /* the call is silent for longer: timed out */
  int64_t compensate_timeout_ms;
  void* self; /* handed back to the callbacks */
  /* Callbacks come on any thread, several at once, never two for one step of one job. */
  stepd_outcome (*execute)(void* self, stepd_context*);
  stepd_outcome (*compensate)(void* self, stepd_context*); /* STEPD_KIND_SAGA */
  stepd_outcome (*probe)(void* self, stepd_context*);      /* did it take effect? may be NULL */
  uint32_t not_repeatable; /* 1: without an answer from probe, a step in doubt parks */
  uint32_t reserved;
  /* end of 1.0 */
} stepd_step;

/* The host as a whole, for init; lives as long as the process. [any thread] */
typedef struct stepd_host {
  uint32_t struct_size;
  uint32_t abi_minor;
  stepd_str name;
  stepd_str version;
  void (*log)(const struct stepd_host*, int32_t level, stepd_str message);
  const void* (*extension)(const struct stepd_host*, const char* name);
} stepd_host;

typedef struct stepd_plugin {
  uint32_t struct_size;
  uint32_t abi_minor_needed; /* the host refuses the plugin when this is above its own */
  stepd_str id;              /* "demo.bank" */
  stepd_str version;         /* "2.1.0" */
  stepd_str sdk;             /* what it was built with; for bug reports only */
  uint32_t step_count;
  uint32_t reserved;
  const stepd_step* const* steps; /* pointers, because a later stepd_step may be larger */
  /* Once in each process of the plugin, for 10 s at most; refuse copies its message. May be NULL.
   */
  stepd_status (*init)(const stepd_host*, stepd_str config_json,
                       void (*refuse)(void* refusal, stepd_str message), void* refusal);
  /* No further call will come: join your threads within the budget. May be NULL. */
  stepd_status (*quiesce)(int64_t budget_ms);
  const void* (*extension)(const char* name);
  /* end of 1.0 */
} stepd_plugin;

/* The one exported symbol; NULL when the plugin could not describe itself. */
STEPD_EXPORT const stepd_plugin* stepd_plugin_v1(void) STEPD_NOEXCEPT;

/* An ELF note in section .note.stepd, so that a file can be judged before any of it runs. */
#define STEPD_NOTE_TYPE 0x53544550u /* "STEP" */
#define STEPD_NOTE_NAME "stepd"
struct stepd_note_description {
  uint32_t abi_major;
  uint32_t abi_minor_needed;
  char id[64];
  char version[32];
};
struct stepd_note {
  uint32_t name_size; /* 6 */
  uint32_t description_size;
  uint32_t type;
  char name[8]; /* "stepd", padded */
  struct stepd_note_description description;
};

#define STEPD_NOTE(ID, VERSION, ABI_MINOR_NEEDED)                            \
  __attribute__((section(".note.stepd"), used,                               \
                 aligned(4))) static const struct stepd_note stepd_note_ = { \
      6,                                                                     \
      sizeof(struct stepd_note_description),                                 \
      STEPD_NOTE_TYPE,                                                       \
      STEPD_NOTE_NAME,                                                       \
      {STEPD_ABI_MAJOR, ABI_MINOR_NEEDED, ID, VERSION}}

#ifdef __cplusplus
}
#endif
#endif
