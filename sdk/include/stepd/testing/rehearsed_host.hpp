#pragma once

#include <stepd/plugin.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <stepd/testing/rehearsed_call.hpp>
#include <stepd/text.hpp>
#include <string>

namespace stepd::testing {

/// The table of functions a rehearsed call finds its host under. What this host does not offer
/// (going on after the callback) stays NULL.
class RehearsedHost {
 public:
  [[nodiscard]] static const stepd_host_calls& table() {
    static const stepd_host_calls calls = [] {
      stepd_host_calls table{};
      table.struct_size = sizeof table;
      table.abi_minor = STEPD_ABI_MINOR;
      answer_questions(table);
      keep_records(table);
      take_answers(table);
      watch_life(table);
      exchange_events(table);
      start_jobs(table);
      return table;
    }();
    return calls;
  }

 private:
  [[nodiscard]] static RehearsedCall& of(stepd_context* call) {
    return *static_cast<RehearsedCall*>(call);
  }

  static void answer_questions(stepd_host_calls& table) {
    table.call = [](stepd_context* c) -> const stepd_call* {
      return of(c).asked("call", &of(c).facts_, [c] { return &of(c).facts_; });
    };
    table.args_json = [](stepd_context* c) {
      return of(c).asked("args_json", borrowed(of(c).arguments_),
                         [c] { return borrowed(of(c).arguments_); });
    };
    table.output_of = [](stepd_context* c, stepd_str id, stepd_str* json) {
      return of(c).asked("output_of " + std::string(text_of(id)), STEPD_FENCED, [&] {
        return of(c).lend_found(of(c).stage_.surroundings.earlier_outputs, id, json);
      });
    };
    table.own_output = [](stepd_context* c, stepd_str* json) {
      return of(c).asked("own_output", STEPD_FENCED,
                         [&] { return of(c).lend_if(of(c).stage_.record.output, json); });
    };
    table.config = [](stepd_context* c, stepd_str key, stepd_str* value) {
      return of(c).asked("config " + std::string(text_of(key)), STEPD_FENCED, [&] {
        return of(c).lend_found(of(c).stage_.surroundings.configuration, key, value);
      });
    };
    table.now_unix_ms = [](stepd_context* c) {
      return of(c).asked("now_unix_ms", std::int64_t{0}, [c] {
        return std::int64_t{of(c).stage_.record.now.time_since_epoch().count()};
      });
    };
  }

  static void keep_records(stepd_host_calls& table) {
    table.checkpoint_load = [](stepd_context* c, std::int32_t phase, stepd_str* bytes) {
      return of(c).asked("checkpoint_load", STEPD_FENCED, [&]() -> stepd_status {
        const auto* record = of(c).phase_record(phase);
        return record == nullptr ? STEPD_INVALID : of(c).lend_if(record->checkpoint, bytes);
      });
    };
    table.checkpoint_save = [](stepd_context* c, stepd_str bytes) {
      return of(c).asked("checkpoint_save", STEPD_FENCED,
                         [&] { return of(c).save_checkpoint(bytes); });
    };
    table.memo_load = [](stepd_context* c, std::int32_t phase, stepd_str key, stepd_str* bytes) {
      return of(c).asked("memo_load " + std::string(text_of(key)), STEPD_FENCED,
                         [&]() -> stepd_status {
                           const auto* record = of(c).phase_record(phase);
                           if (record == nullptr) return STEPD_INVALID;
                           return of(c).lend_found(record->memos, key, bytes);
                         });
    };
    table.memo_save = [](stepd_context* c, stepd_str key, stepd_str bytes) {
      return of(c).asked("memo_save " + std::string(text_of(key)), STEPD_FENCED,
                         [&] { return of(c).save_memo(key, bytes); });
    };
  }

  static void take_answers(stepd_host_calls& table) {
    table.set_output = [](stepd_context* c, stepd_str json) {
      return of(c).asked("set_output", STEPD_FENCED, [&] { return of(c).take_output(json); });
    };
    table.set_error = [](stepd_context* c, const stepd_error* error) {
      return of(c).asked("set_error", STEPD_FENCED, [&] { return of(c).take_error(*error); });
    };
    table.suspend_until = [](stepd_context* c, std::int64_t unix_ms) {
      return of(c).asked("suspend_until", STEPD_FENCED,
                         [&] { return of(c).suspend(Time(std::chrono::milliseconds(unix_ms))); });
    };
    table.suspend_for = [](stepd_context* c, std::int64_t span) {
      return of(c).asked("suspend_for", STEPD_FENCED, [&] {
        return of(c).suspend(of(c).stage_.record.now + std::chrono::milliseconds(span));
      });
    };
  }

  static void exchange_events(stepd_host_calls& table) {
    table.suspend_for_event = [](stepd_context* c, stepd_str key, std::int64_t timeout_ms) {
      return of(c).asked("suspend_for_event " + std::string(text_of(key)), STEPD_FENCED,
                         [&] { return of(c).suspend_keyed(key, true, timeout_ms); });
    };
    table.suspend_named = [](stepd_context* c, stepd_str name, std::int64_t span_ms) {
      return of(c).asked("suspend_named " + std::string(text_of(name)), STEPD_FENCED,
                         [&] { return of(c).suspend_keyed(name, false, span_ms); });
    };
    table.wait_result = [](stepd_context* c, stepd_str key, std::uint32_t index, stepd_str* json) {
      return of(c).asked("wait_result " + std::string(text_of(key)), STEPD_FENCED,
                         [&] { return of(c).wait_result(key, index, json); });
    };
    table.send_event = [](stepd_context* c, stepd_str id, stepd_str key, stepd_str data) {
      return of(c).asked("send_event " + std::string(text_of(key)), STEPD_FENCED,
                         [&] { return of(c).send_event(id, key, data); });
    };
  }

  static void start_jobs(stepd_host_calls& table) {
    table.spawn = [](stepd_context* c, stepd_str key, stepd_str job, stepd_str*) {
      return of(c).asked("spawn " + std::string(text_of(key)), STEPD_FENCED,
                         [&] { return of(c).spawn(key, job); });
    };
    table.child_result = [](stepd_context* c, stepd_str key, stepd_str* json) {
      return of(c).asked("child_result " + std::string(text_of(key)), STEPD_FENCED, [&] {
        const auto* job = RehearsedCall::named(of(c).stage_.record.children, key);
        return of(c).lend_if(job ? std::optional(RehearsedCall::told(*job)) : std::nullopt, json);
      });
    };
    table.undo_child = [](stepd_context* c, stepd_str key, stepd_str* refusal) {
      return of(c).asked("undo_child " + std::string(text_of(key)), STEPD_FENCED,
                         [&] { return of(c).undo_child(key, refusal); });
    };
    table.child_undo = [](stepd_context* c, stepd_str key, stepd_str* json) {
      return of(c).asked("child_undo " + std::string(text_of(key)), STEPD_FENCED,
                         [&] { return of(c).child_undo(key, json); });
    };
    table.children_open = [](stepd_context* c) {
      return of(c).asked("children_open", std::uint32_t{0},
                         [&] { return std::uint32_t{of(c).children_open()}; });
    };
    table.settled_children = [](stepd_context* c, std::uint32_t after, stepd_str* json) {
      return of(c).asked("settled_children", STEPD_FENCED, [&] {
        return of(c).lend_if(std::optional(of(c).told_after(after)), json);
      });
    };
    table.suspend_for_children = [](stepd_context* c) {
      return of(c).asked("suspend_for_children", STEPD_FENCED, [&]() -> stepd_status {
        of(c).ending_.waits_for_children = std::numeric_limits<std::uint32_t>::max();
        return STEPD_OK;
      });
    };
    table.suspend_for_another_child = [](stepd_context* c, std::uint32_t seen) {
      return of(c).asked("suspend_for_another_child", STEPD_FENCED, [&]() -> stepd_status {
        of(c).ending_.waits_for_children = seen;
        return STEPD_OK;
      });
    };
    table.checkpoint_with_answer = [](stepd_context* c, stepd_str bytes) {
      return of(c).asked("checkpoint_with_answer", STEPD_FENCED, [&]() -> stepd_status {
        of(c).checkpoint_ = text_of(bytes);
        return STEPD_OK;
      });
    };
  }

  static void watch_life(stepd_host_calls& table) {
    table.heartbeat = [](stepd_context* c) {
      return of(c).asked("heartbeat", STEPD_FENCED, [&]() -> stepd_status {
        ++of(c).stage_.observed.heartbeats;
        return STEPD_OK;
      });
    };
    table.progress = [](stepd_context* c, std::uint32_t permille, stepd_str note) {
      return of(c).asked("progress", STEPD_FENCED, [&]() -> stepd_status {
        of(c).stage_.observed.progress.push_back({permille, std::string(text_of(note))});
        return STEPD_OK;
      });
    };
    table.log = [](stepd_context* c, std::int32_t level, stepd_str message, stepd_str fields) {
      of(c).asked("log " + std::string(text_of(message)), STEPD_FENCED, [&]() -> stepd_status {
        of(c).stage_.observed.log.push_back(
            {level, std::string(text_of(message)), std::string(text_of(fields))});
        return STEPD_OK;
      });
    };
    table.stop_requested = [](stepd_context* c) {
      return of(c).asked("stop_requested", std::uint32_t{1},
                         [c] { return std::uint32_t{of(c).stopped()}; });
    };
    table.stop_fd = [](stepd_context* c) { return of(c).asked("stop_fd", -1, [] { return -1; }); };
    table.time_left_ms = [](stepd_context* c) {
      return of(c).asked("time_left_ms", std::int64_t{0}, [c] { return of(c).time_left(); });
    };
    table.sleep_ms = [](stepd_context* c, std::int64_t span) {
      return of(c).asked("sleep_ms", STEPD_FENCED,
                         [&] { return of(c).sleep(std::chrono::milliseconds(span)); });
    };
  }
};

}  // namespace stepd::testing
