#include <algorithm>
#include <chrono>
#include <exception>

#include "host/engine/json_check.hpp"
#include "host/plugin/borrowed.hpp"
#include "host/plugin/call_context.hpp"
#include "host/plugin/call_limits.hpp"
#include "host/plugin/child_json.hpp"
#include "host/plugin/json_object.hpp"
#include "host/plugin/utf8.hpp"

namespace stepd::plugin {
namespace {

using namespace call_limits;
using std::chrono::milliseconds;

CallContext& call_of(stepd_context* context) { return *static_cast<CallContext*>(context); }

class Visit final {
 public:
  explicit Visit(Visits& visits) : visits_(visits), admitted_(visits.enter()) {}
  ~Visit() {
    if (admitted_) visits_.leave();
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  [[nodiscard]] bool admitted() const { return admitted_; }

 private:
  Visits& visits_;
  bool admitted_;
};

/// The frame of every function that does something: refused once the call is over, and no exception
/// crosses.
template <class Work>
stepd_status in_call(stepd_context* context, Work work) {
  CallContext& call = call_of(context);
  const Visit visit(call.visits);
  if (!visit.admitted()) return STEPD_FENCED;
  try {
    return work(call);
  } catch (const std::exception&) {
    return STEPD_UNAVAILABLE;
  }
}

/// The same for what changes the answer.
template <class Work>
stepd_status in_answer(stepd_context* context, Work work) {
  return in_call(context, [&work](CallContext& call) {
    const std::lock_guard lock(call.answer_mutex);
    return work(call.answer);
  });
}

stepd_status lend_json(const engine::JsonText& json, stepd_str* out) {
  if (json.empty()) return STEPD_NONE;
  *out = lend(json.view());
  return STEPD_OK;
}

// What the call is about. Nothing of it changes, so these ask nobody.

const stepd_call* facts(stepd_context* context) { return &call_of(context).facts(); }

stepd_str args_json(stepd_context* context) { return lend(call_of(context).request.args.view()); }

stepd_status output_of(stepd_context* context, stepd_str step_id, stepd_str* json) {
  if (json == nullptr || !is_sound(step_id)) return STEPD_INVALID;
  const auto& outputs = call_of(context).request.earlier_outputs;
  const auto found = std::find_if(outputs.begin(), outputs.end(), [step_id](const auto& output) {
    return output.step == view(step_id);
  });
  return found == outputs.end() ? STEPD_NONE : lend_json(found->output, json);
}

stepd_status own_output(stepd_context* context, stepd_str* json) {
  if (json == nullptr) return STEPD_INVALID;
  return lend_json(call_of(context).request.own_output, json);
}

stepd_status config(stepd_context* context, stepd_str key, stepd_str* value) {
  if (value == nullptr || !is_sound(key)) return STEPD_INVALID;
  const auto& configuration = call_of(context).step.configuration;
  if (!configuration) return STEPD_NONE;
  const auto found = configuration->find(view(key));
  if (found == configuration->end()) return STEPD_NONE;
  *value = lend(found->second);
  return STEPD_OK;
}

// Kept on disk.

stepd_status checkpoint_load(stepd_context* context, std::int32_t phase, stepd_str* bytes) {
  return in_call(context,
                 [=](CallContext& call) { return call.records.load_checkpoint(phase, bytes); });
}

stepd_status checkpoint_save(stepd_context* context, stepd_str bytes) {
  return in_call(context, [=](CallContext& call) { return call.records.save_checkpoint(bytes); });
}

stepd_status memo_load(stepd_context* context, std::int32_t phase, stepd_str key,
                       stepd_str* bytes) {
  return in_call(context,
                 [=](CallContext& call) { return call.records.load_memo(phase, key, bytes); });
}

stepd_status memo_save(stepd_context* context, stepd_str key, stepd_str bytes) {
  return in_call(context, [=](CallContext& call) { return call.records.save_memo(key, bytes); });
}

// The answer.

stepd_status set_output(stepd_context* context, stepd_str json) {
  return in_answer(context, [json](CallAnswer& answer) { return answer.set_output(json); });
}

stepd_status set_error(stepd_context* context, const stepd_error* error) {
  return in_answer(context, [error](CallAnswer& answer) { return answer.set_error(error); });
}

stepd_status suspend_until(stepd_context* context, std::int64_t unix_ms) {
  if (unix_ms < 0 || unix_ms > unix_ms_max) return STEPD_INVALID;
  return in_answer(context, [unix_ms](CallAnswer& answer) {
    return answer.set_wait({engine::TimePoint(milliseconds(unix_ms)), {}});
  });
}

stepd_status suspend_for(stepd_context* context, std::int64_t span_ms) {
  if (span_ms < 0 || span_ms > span_ms_max) return STEPD_INVALID;
  return in_call(context, [span_ms](CallContext& call) {
    const engine::TimePoint wall = call.ports.now().wall;
    const std::lock_guard lock(call.answer_mutex);
    return call.answer.set_wait({wall + milliseconds(span_ms), milliseconds(span_ms)});
  });
}

bool is_key(stepd_str key) {
  return is_sound(key) && key.len > 0 && key.len <= engine::Limits{}.name_bytes_max &&
         utf8_prefix(view(key)) == key.len;
}

stepd_status suspend_for_event(stepd_context* context, stepd_str key, std::int64_t timeout_ms) {
  if (!is_key(key) || timeout_ms < -1 || timeout_ms > span_ms_max) return STEPD_INVALID;
  return in_call(context, [=](CallContext& call) {
    std::optional<engine::Due> due;
    if (timeout_ms >= 0) {
      const milliseconds span(timeout_ms);
      due = engine::Due{call.ports.now().wall + span, span};
    }
    const std::lock_guard lock(call.answer_mutex);
    return call.answer.set_event_wait(std::string(view(key)), due);
  });
}

stepd_status suspend_named(stepd_context* context, stepd_str name, std::int64_t span_ms) {
  if (!is_key(name) || span_ms < 0 || span_ms > span_ms_max) return STEPD_INVALID;
  return in_call(context, [=](CallContext& call) {
    const milliseconds span(span_ms);
    const engine::Due due{call.ports.now().wall + span, span};
    const std::lock_guard lock(call.answer_mutex);
    return call.answer.set_named_wait(std::string(view(name)), due);
  });
}

// Events.

stepd_status wait_result(stepd_context* context, stepd_str key, std::uint32_t index,
                         stepd_str* json) {
  if (json == nullptr || !is_sound(key)) return STEPD_INVALID;
  return call_of(context).wait_result(view(key), index, json);
}

stepd_status send_event(stepd_context* context, stepd_str id, stepd_str key, stepd_str data_json) {
  const bool id_fits = is_sound(id) && id.len > 0 &&
                       id.len <= names_in_event_id * engine::Limits{}.name_bytes_max &&
                       utf8_prefix(view(id)) == id.len;
  if (!id_fits || !is_key(key) || !is_sound(data_json)) return STEPD_INVALID;
  return in_call(context, [=](CallContext& call) -> stepd_status {
    const auto data = view(data_json);
    if (data.size() > call.limits.output_bytes_max) return STEPD_TOO_BIG;
    if (engine::find_fault(data, call.limits.json_depth_max)) return STEPD_INVALID;
    switch (call.ports.send({.id = std::string(view(id)),
                             .key = std::string(view(key)),
                             .data = engine::JsonText(std::string(data))})) {
      case SendStatus::stored:
        return STEPD_OK;
      case SendStatus::id_taken:
        return STEPD_NONE;
      case SendStatus::no_addressee:
        return STEPD_INVALID;
      case SendStatus::not_now:
        return STEPD_UNAVAILABLE;
      case SendStatus::fenced:
        return STEPD_FENCED;
    }
    return STEPD_UNAVAILABLE;
  });
}

// Jobs that the step starts.

stepd_status spawn(stepd_context* context, stepd_str child_key, stepd_str job_json,
                   stepd_str* refusal) {
  if (!is_key(child_key) || !is_sound(job_json) || refusal == nullptr) return STEPD_INVALID;
  return in_call(context, [=](CallContext& call) -> stepd_status {
    std::string key(view(child_key));
    if (call.request.phase != engine::Phase::execute) {
      *refusal = call.lend_text("only execute starts jobs");
      return STEPD_INVALID;
    }
    if (engine::is_name_of_undo(key)) {
      *refusal = call.lend_text("a key does not begin with \"undo:\": those are the host's own");
      return STEPD_INVALID;
    }
    if (call.request.has_children && call.ports.child(key)) return STEPD_OK;
    CheckedJob checked = call.ports.check_job(view(job_json));
    if (auto* why = std::get_if<std::string>(&checked)) {
      *refusal = call.lend_text(std::move(*why));
      return STEPD_INVALID;
    }
    const std::lock_guard lock(call.answer_mutex);
    using Job = std::shared_ptr<const engine::JobDefinition>;
    return call.answer.add_child(std::move(key), std::get<Job>(std::move(checked)));
  });
}

stepd_status child_result(stepd_context* context, stepd_str child_key, stepd_str* json) {
  if (!is_key(child_key) || json == nullptr) return STEPD_INVALID;
  return in_call(context, [=](CallContext& call) {
    if (!call.request.has_children) return STEPD_NONE;
    const auto child = call.ports.child(std::string(view(child_key)));
    if (!child) return STEPD_NONE;
    *json = call.lend_text(json_of(*child));
    return STEPD_OK;
  });
}

stepd_status undo_child(stepd_context* context, stepd_str child_key, stepd_str* refusal) {
  if (!is_key(child_key) || refusal == nullptr) return STEPD_INVALID;
  return in_call(context, [=](CallContext& call) -> stepd_status {
    if (call.request.phase != engine::Phase::compensate) {
      *refusal = call.lend_text("only compensate undoes jobs");
      return STEPD_INVALID;
    }
    const std::string key(view(child_key));
    CheckedUndo checked = call.ports.check_undo(key);
    if (std::holds_alternative<NothingToUndo>(checked)) return STEPD_NONE;
    if (std::holds_alternative<UndoneAlready>(checked)) return STEPD_OK;
    if (auto* why = std::get_if<std::string>(&checked)) {
      *refusal = call.lend_text(std::move(*why));
      return STEPD_INVALID;
    }
    const std::lock_guard lock(call.answer_mutex);
    using Undo = std::shared_ptr<const engine::DerivedJob>;
    return call.answer.add_undo(engine::name_of_undo(key), std::get<Undo>(std::move(checked)));
  });
}

stepd_status child_undo(stepd_context* context, stepd_str child_key, stepd_str* json) {
  if (!is_key(child_key) || json == nullptr) return STEPD_INVALID;
  return in_call(context, [=](CallContext& call) {
    const auto undo = call.ports.child_undo(std::string(view(child_key)));
    if (!undo) return STEPD_NONE;
    *json = call.lend_text(json_of(*undo));
    return STEPD_OK;
  });
}

std::uint32_t children_open(stepd_context* context) {
  std::uint32_t open = 0;
  static_cast<void>(in_call(context, [&open](CallContext& call) {
    const std::lock_guard lock(call.answer_mutex);
    open = call.request.children_open || call.answer.starts_jobs() ? 1 : 0;
    return STEPD_OK;
  }));
  return open;
}

stepd_status settled_children(stepd_context* context, std::uint32_t after, stepd_str* json) {
  if (json == nullptr) return STEPD_INVALID;
  return in_call(context, [=](CallContext& call) {
    std::string text = "[";
    if (call.request.has_children) {
      for (const ChildNow& child : call.ports.settled_children(after, children_told_max)) {
        if (text.size() > 1) text += ',';
        text += json_of(child);
      }
    }
    *json = call.lend_text(text + "]");
    return STEPD_OK;
  });
}

stepd_status suspend_for_children(stepd_context* context) {
  return in_answer(context, [](CallAnswer& answer) {
    return answer.set_child_wait({engine::ChildWait::Until::all_settled, 0});
  });
}

stepd_status suspend_for_another_child(stepd_context* context, std::uint32_t seen) {
  return in_answer(context, [seen](CallAnswer& answer) {
    return answer.set_child_wait({engine::ChildWait::Until::another_settled, seen});
  });
}

stepd_status checkpoint_with_answer(stepd_context* context, stepd_str bytes) {
  return in_answer(context, [bytes](CallAnswer& answer) { return answer.set_checkpoint(bytes); });
}

// Signs of life.

stepd_status heartbeat(stepd_context* context) {
  return in_call(context, [](CallContext& call) {
    call.ports.heartbeat();
    return STEPD_OK;
  });
}

stepd_status progress(stepd_context* context, std::uint32_t permille, stepd_str note) {
  if (permille > 1000 || !is_sound(note)) return STEPD_INVALID;
  return in_call(context, [=](CallContext& call) {
    call.ports.progress(permille, readable(view(note), note_bytes_max));
    return STEPD_OK;
  });
}

std::uint32_t stop_requested(stepd_context* context) {
  return call_of(context).stop.asked() ? 1 : 0;
}

int stop_fd(stepd_context* context) {
  int descriptor = -1;
  static_cast<void>(in_call(context, [&descriptor](CallContext& call) {
    descriptor = call.stop.descriptor();
    return STEPD_OK;
  }));
  return descriptor;
}

std::int64_t time_left_ms(stepd_context* context) {
  std::int64_t left = 0;
  static_cast<void>(in_call(context, [&left](CallContext& call) {
    left = call.milliseconds_left();
    return STEPD_OK;
  }));
  return left;
}

stepd_status sleep_ms(stepd_context* context, std::int64_t span_ms) {
  if (span_ms < 0) return STEPD_INVALID;
  return in_call(context, [span_ms](CallContext& call) {
    const milliseconds span(std::min(span_ms, span_ms_max));
    return call.stop.wait_for(span) ? STEPD_STOPPED : STEPD_OK;
  });
}

void log(stepd_context* context, std::int32_t level, stepd_str message, stepd_str fields_json) {
  static_cast<void>(in_call(context, [=](CallContext& call) {
    const bool has_fields = is_sound(fields_json) && fields_json.len <= log_bytes_max &&
                            is_json_object(view(fields_json), log_fields_depth_max);
    call.ports.log(std::clamp(level, STEPD_LOG_DEBUG, STEPD_LOG_ERROR),
                   readable(view(message), log_bytes_max),
                   has_fields ? view(fields_json) : std::string_view{});
    return STEPD_OK;
  }));
}

std::int64_t now_unix_ms(stepd_context* context) {
  std::int64_t now = 0;
  static_cast<void>(in_call(context, [&now](CallContext& call) {
    now = std::chrono::floor<milliseconds>(call.ports.now().wall.time_since_epoch()).count();
    return STEPD_OK;
  }));
  return now;
}

const void* extension(stepd_context*, const char*) { return nullptr; }

constexpr stepd_host_calls make_host_calls() {
  stepd_host_calls calls{};
  calls.struct_size = sizeof calls;
  calls.abi_minor = STEPD_ABI_MINOR;
  calls.call = facts;
  calls.args_json = args_json;
  calls.output_of = output_of;
  calls.own_output = own_output;
  calls.config = config;
  calls.checkpoint_load = checkpoint_load;
  calls.checkpoint_save = checkpoint_save;
  calls.memo_load = memo_load;
  calls.memo_save = memo_save;
  calls.set_output = set_output;
  calls.set_error = set_error;
  calls.heartbeat = heartbeat;
  calls.progress = progress;
  calls.stop_requested = stop_requested;
  calls.stop_fd = stop_fd;
  calls.time_left_ms = time_left_ms;
  calls.sleep_ms = sleep_ms;
  calls.log = log;
  calls.suspend_until = suspend_until;
  calls.suspend_for = suspend_for;
  calls.suspend_for_event = suspend_for_event;
  calls.suspend_named = suspend_named;
  calls.wait_result = wait_result;
  calls.send_event = send_event;
  calls.spawn = spawn;
  calls.child_result = child_result;
  calls.children_open = children_open;
  calls.settled_children = settled_children;
  calls.suspend_for_children = suspend_for_children;
  calls.suspend_for_another_child = suspend_for_another_child;
  calls.checkpoint_with_answer = checkpoint_with_answer;
  calls.undo_child = undo_child;
  calls.child_undo = child_undo;
  // Going on after the callback is not offered yet: it stays NULL.
  calls.extension = extension;
  calls.now_unix_ms = now_unix_ms;
  return calls;
}

constexpr stepd_host_calls table = make_host_calls();

}  // namespace

const stepd_host_calls& host_calls() { return table; }

}  // namespace stepd::plugin
