// What a plugin built today relies on: where every field of ABI 1.0 stands. A failure here means
// that plugins already built would be misread; fields are only ever appended.
#include <stepd/plugin.h>

#include <catch2/catch.hpp>
#include <cstddef>

namespace {

constexpr std::size_t word = 8;

static_assert(sizeof(stepd_str) == 2 * word && offsetof(stepd_str, len) == word);

static_assert(offsetof(stepd_call, phase) == 4);
static_assert(offsetof(stepd_call, tenant) == 8);
static_assert(offsetof(stepd_call, job_id) == 24);
static_assert(offsetof(stepd_call, job_name) == 40);
static_assert(offsetof(stepd_call, step_id) == 56);
static_assert(offsetof(stepd_call, step_type) == 72);
static_assert(offsetof(stepd_call, step_version) == 88);
static_assert(offsetof(stepd_call, attempt) == 92);
static_assert(offsetof(stepd_call, attempts_max) == 96);
static_assert(offsetof(stepd_call, outcome_unknown) == 100);
static_assert(offsetof(stepd_call, call) == 104);
static_assert(offsetof(stepd_call, fencing_token) == 112);
static_assert(offsetof(stepd_call, deadline_unix_ms) == 120);
static_assert(offsetof(stepd_call, idempotency_key) == 128);
static_assert(offsetof(stepd_call, execute_key) == 144);
static_assert(sizeof(stepd_call) >= 160);

static_assert(offsetof(stepd_error, code) == 8);
static_assert(offsetof(stepd_error, message) == 24);
static_assert(offsetof(stepd_error, details_json) == 40);
static_assert(offsetof(stepd_error, retry_after_ms) == 56);
static_assert(sizeof(stepd_error) >= 64);

static_assert(offsetof(stepd_host_calls, abi_minor) == 4);
static_assert(offsetof(stepd_host_calls, call) == 1 * word);
static_assert(offsetof(stepd_host_calls, args_json) == 2 * word);
static_assert(offsetof(stepd_host_calls, output_of) == 3 * word);
static_assert(offsetof(stepd_host_calls, own_output) == 4 * word);
static_assert(offsetof(stepd_host_calls, config) == 5 * word);
static_assert(offsetof(stepd_host_calls, checkpoint_load) == 6 * word);
static_assert(offsetof(stepd_host_calls, checkpoint_save) == 7 * word);
static_assert(offsetof(stepd_host_calls, memo_load) == 8 * word);
static_assert(offsetof(stepd_host_calls, memo_save) == 9 * word);
static_assert(offsetof(stepd_host_calls, set_output) == 10 * word);
static_assert(offsetof(stepd_host_calls, set_error) == 11 * word);
static_assert(offsetof(stepd_host_calls, heartbeat) == 12 * word);
static_assert(offsetof(stepd_host_calls, progress) == 13 * word);
static_assert(offsetof(stepd_host_calls, stop_requested) == 14 * word);
static_assert(offsetof(stepd_host_calls, stop_fd) == 15 * word);
static_assert(offsetof(stepd_host_calls, time_left_ms) == 16 * word);
static_assert(offsetof(stepd_host_calls, sleep_ms) == 17 * word);
static_assert(offsetof(stepd_host_calls, log) == 18 * word);
static_assert(offsetof(stepd_host_calls, suspend_until) == 19 * word);
static_assert(offsetof(stepd_host_calls, suspend_for) == 20 * word);
static_assert(offsetof(stepd_host_calls, suspend_for_event) == 21 * word);
static_assert(offsetof(stepd_host_calls, suspend_for_children) == 22 * word);
static_assert(offsetof(stepd_host_calls, wait_result) == 23 * word);
static_assert(offsetof(stepd_host_calls, spawn) == 24 * word);
static_assert(offsetof(stepd_host_calls, child_result) == 25 * word);
static_assert(offsetof(stepd_host_calls, async_begin) == 26 * word);
static_assert(offsetof(stepd_host_calls, async_finish) == 27 * word);
static_assert(offsetof(stepd_host_calls, extension) == 28 * word);
static_assert(offsetof(stepd_host_calls, now_unix_ms) == 29 * word);
static_assert(offsetof(stepd_host_calls, suspend_named) == 30 * word);
static_assert(offsetof(stepd_host_calls, send_event) == 31 * word);
static_assert(offsetof(stepd_host_calls, children_open) == 32 * word);
static_assert(offsetof(stepd_host_calls, settled_children) == 33 * word);
static_assert(offsetof(stepd_host_calls, suspend_for_another_child) == 34 * word);
static_assert(offsetof(stepd_host_calls, checkpoint_with_answer) == 35 * word);
static_assert(offsetof(stepd_host_calls, undo_child) == 36 * word);
static_assert(offsetof(stepd_host_calls, child_undo) == 37 * word);
static_assert(sizeof(stepd_host_calls) >= 38 * word);

static_assert(offsetof(stepd_context, host) == 0);

static_assert(offsetof(stepd_retry_policy, attempts_max) == 4);
static_assert(offsetof(stepd_retry_policy, initial_ms) == 8);
static_assert(offsetof(stepd_retry_policy, max_ms) == 16);
static_assert(offsetof(stepd_retry_policy, multiplier_milli) == 24);
static_assert(offsetof(stepd_retry_policy, jitter_permille) == 28);
static_assert(sizeof(stepd_retry_policy) >= 32);

static_assert(offsetof(stepd_step, kind) == 4);
static_assert(offsetof(stepd_step, type) == 8);
static_assert(offsetof(stepd_step, version) == 24);
static_assert(offsetof(stepd_step, accepts_from) == 28);
static_assert(offsetof(stepd_step, title) == 32);
static_assert(offsetof(stepd_step, description) == 48);
static_assert(offsetof(stepd_step, args_schema) == 64);
static_assert(offsetof(stepd_step, output_schema) == 80);
static_assert(offsetof(stepd_step, retry) == 96);
static_assert(offsetof(stepd_step, compensate_retry) == 104);
static_assert(offsetof(stepd_step, timeout_ms) == 112);
static_assert(offsetof(stepd_step, heartbeat_ms) == 120);
static_assert(offsetof(stepd_step, compensate_timeout_ms) == 128);
static_assert(offsetof(stepd_step, self) == 136);
static_assert(offsetof(stepd_step, execute) == 144);
static_assert(offsetof(stepd_step, compensate) == 152);
static_assert(offsetof(stepd_step, probe) == 160);
static_assert(offsetof(stepd_step, not_repeatable) == 168);
static_assert(sizeof(stepd_step) >= 176);

static_assert(offsetof(stepd_host, abi_minor) == 4);
static_assert(offsetof(stepd_host, name) == 8);
static_assert(offsetof(stepd_host, version) == 24);
static_assert(offsetof(stepd_host, log) == 40);
static_assert(offsetof(stepd_host, extension) == 48);
static_assert(sizeof(stepd_host) >= 56);

static_assert(offsetof(stepd_plugin, abi_minor_needed) == 4);
static_assert(offsetof(stepd_plugin, id) == 8);
static_assert(offsetof(stepd_plugin, version) == 24);
static_assert(offsetof(stepd_plugin, sdk) == 40);
static_assert(offsetof(stepd_plugin, step_count) == 56);
static_assert(offsetof(stepd_plugin, steps) == 64);
static_assert(offsetof(stepd_plugin, init) == 72);
static_assert(offsetof(stepd_plugin, quiesce) == 80);
static_assert(offsetof(stepd_plugin, extension) == 88);
static_assert(sizeof(stepd_plugin) >= 96);

static_assert(offsetof(stepd_note, type) == 8);
static_assert(offsetof(stepd_note, name) == 12);
static_assert(offsetof(stepd_note, description) == 20);
static_assert(offsetof(stepd_note_description, id) == 8);
static_assert(offsetof(stepd_note_description, version) == 72);
static_assert(sizeof(stepd_note_description) == 104);

static_assert(STEPD_ABI_MAJOR == 1);
static_assert(STEPD_OK == 0 && STEPD_NONE == 1 && STEPD_INVALID == -1 && STEPD_FENCED == -2 &&
              STEPD_STOPPED == -3 && STEPD_TOO_BIG == -4 && STEPD_UNAVAILABLE == -5 &&
              STEPD_UNSUPPORTED == -6);
static_assert(STEPD_SUCCEEDED == 0 && STEPD_RETRY == 1 && STEPD_REFUSED == 2 && STEPD_FAILED == 3 &&
              STEPD_SUSPENDED == 4 && STEPD_EFFECT_UNKNOWN == 5 && STEPD_CANCELLED == 6 &&
              STEPD_NO_EFFECT == 7 && STEPD_PENDING == 8);
static_assert(STEPD_PHASE_EXECUTE == 0 && STEPD_PHASE_PROBE == 1 && STEPD_PHASE_COMPENSATE == 2);
static_assert(STEPD_KIND_PLAIN == 0 && STEPD_KIND_SAGA == 1);

}  // namespace

TEST_CASE("a field is there only when the other side's struct reaches as far") {
  stepd_host_calls host{};
  host.now_unix_ms = [](stepd_context*) -> int64_t { return 1; };

  host.struct_size = sizeof host;
  CHECK(STEPD_HAS_FUNCTION(&host, now_unix_ms));
  CHECK_FALSE(STEPD_HAS_FUNCTION(&host, extension));

  host.struct_size = offsetof(stepd_host_calls, now_unix_ms);
  CHECK_FALSE(STEPD_HAS(&host, now_unix_ms));
  CHECK(STEPD_HAS(&host, extension));
}
