#include "host/plugin/call_answer.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "host/engine/json_check.hpp"
#include "host/plugin/borrowed.hpp"
#include "host/plugin/call_limits.hpp"
#include "host/plugin/json_object.hpp"
#include "host/plugin/utf8.hpp"

namespace stepd::plugin {
namespace {

using namespace call_limits;
using engine::OutcomeKind;
using engine::Phase;

/// By value, as the ABI numbers them.
constexpr std::array<std::string_view, 9> answer_names{"succeeded", "retry",     "refused",
                                                       "failed",    "suspended", "effect unknown",
                                                       "cancelled", "no effect", "pending"};
constexpr std::array<std::string_view, 3> phase_names{"execute", "probe", "compensate"};

std::string named(stepd_outcome answer) {
  const auto index = static_cast<std::size_t>(answer);
  const bool known = answer >= 0 && index < answer_names.size();
  return std::to_string(answer) + (known ? " (" + std::string(answer_names[index]) + ")" : "");
}

std::optional<OutcomeKind> unsuccessful_kind(stepd_outcome answer, Phase phase) {
  const bool asks = phase == Phase::probe;
  switch (answer) {
    case STEPD_RETRY:
      return OutcomeKind::retry;
    case STEPD_REFUSED:
      return asks ? std::nullopt : std::optional(OutcomeKind::refused);
    case STEPD_FAILED:
      return asks ? std::nullopt : std::optional(OutcomeKind::failed);
    case STEPD_SUSPENDED:
      return OutcomeKind::suspended;
    case STEPD_EFFECT_UNKNOWN:
      return OutcomeKind::effect_unknown;
    case STEPD_CANCELLED:
      return OutcomeKind::cancelled;
    case STEPD_NO_EFFECT:
      return asks ? std::optional(OutcomeKind::no_effect) : std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

stepd_status CallAnswer::set_output(stepd_str json) {
  // What a compensation leaves behind is not the step's output.
  if (phase_ == Phase::compensate || !is_sound(json)) return STEPD_INVALID;
  output_ = {};
  output_problem_ = {};
  if (json.len > limits_.output_bytes_max) {
    output_problem_ = {"output_too_big",
                       "has an output of " + std::to_string(json.len) + " bytes and the limit is " +
                           std::to_string(limits_.output_bytes_max) +
                           "; return less, or raise the limit",
                       {}};
    return STEPD_TOO_BIG;
  }
  if (const auto problem = engine::find_fault(view(json), limits_.json_depth_max)) {
    output_problem_ = {
        "bad_output",
        "has an output that cannot be kept: " + problem->message + "; correct the step",
        {}};
    return STEPD_INVALID;
  }
  output_ = engine::JsonText(std::string(view(json)));
  return STEPD_OK;
}

stepd_status CallAnswer::set_error(const stepd_error* error) {
  if (error == nullptr || !STEPD_HAS(error, message)) return STEPD_INVALID;
  const stepd_str details = STEPD_HAS(error, details_json) ? error->details_json : stepd_str{};
  if (!is_sound(error->code) || !is_sound(error->message) || !is_sound(details)) {
    return STEPD_INVALID;
  }
  if (details.len > limits_.output_bytes_max) return STEPD_TOO_BIG;
  if (details.len != 0 && !is_json_object(view(details), limits_.json_depth_max)) {
    return STEPD_INVALID;
  }
  const std::string code = readable(view(error->code), code_bytes_max);
  error_ = {code.empty() ? "error" : code, readable(view(error->message), message_bytes_max),
            engine::JsonText(std::string(view(details)))};
  retry_after_.reset();
  if (STEPD_HAS(error, retry_after_ms) && error->retry_after_ms >= 0) {
    retry_after_ = std::chrono::milliseconds(std::min(error->retry_after_ms, retry_after_ms_max));
  }
  return STEPD_OK;
}

stepd_status CallAnswer::set_wait(engine::Due due) {
  if (!wait_) wait_.emplace();
  if (!wait_->due || due.at < wait_->due->at) wait_->due = due;
  return STEPD_OK;
}

stepd_status CallAnswer::set_event_wait(std::string key, std::optional<engine::Due> due) {
  if (!wait_) wait_.emplace();
  wait_->key = std::move(key);
  wait_->takes_event = true;
  return due ? set_wait(*due) : STEPD_OK;
}

stepd_status CallAnswer::set_named_wait(std::string name, engine::Due due) {
  if (!wait_) wait_.emplace();
  wait_->key = std::move(name);
  wait_->takes_event = false;
  return set_wait(due);
}

stepd_status CallAnswer::set_child_wait(engine::ChildWait wait) {
  if (!wait_) wait_.emplace();
  wait_->children = wait;
  return STEPD_OK;
}

stepd_status CallAnswer::add_child(std::string key,
                                   std::shared_ptr<const engine::JobDefinition> job) {
  return add({.key = std::move(key), .definition = std::move(job)});
}

stepd_status CallAnswer::add_undo(std::string key, std::shared_ptr<const engine::DerivedJob> undo) {
  return add({.key = std::move(key), .undo = std::move(undo)});
}

stepd_status CallAnswer::add(engine::Spawn spawn) {
  const auto is_named = [&spawn](const engine::Spawn& other) { return other.key == spawn.key; };
  if (std::any_of(spawns_.begin(), spawns_.end(), is_named)) return STEPD_OK;
  if (spawns_.size() >= spawns_max) return STEPD_TOO_BIG;
  spawns_.push_back(std::move(spawn));
  return STEPD_OK;
}

stepd_status CallAnswer::set_checkpoint(stepd_str bytes) {
  if (bytes.ptr == nullptr && bytes.len != 0) return STEPD_INVALID;
  if (bytes.len > limits_.output_bytes_max) return STEPD_TOO_BIG;
  checkpoint_ = std::string(view(bytes));
  return STEPD_OK;
}

engine::Outcome CallAnswer::outcome(stepd_outcome answer, std::string_view step_type) && {
  if (answer == STEPD_SUCCEEDED) return std::move(*this).succeeded(step_type);
  const std::string said = std::string(step_type) + " answered " + named(answer);
  const auto kind = unsuccessful_kind(answer, phase_);
  if (!kind) {
    return std::move(*this).bad_answer(
        "bad_answer", said + ", which means nothing in the phase " +
                          std::string(phase_names[static_cast<std::size_t>(phase_)]) +
                          " to this stepd; correct the step");
  }
  if (*kind == OutcomeKind::suspended && !wait_) {
    return std::move(*this).bad_answer("bad_answer",
                                       said +
                                           " without having asked for a wait; correct the step to "
                                           "call one of the suspend functions first");
  }
  return std::move(*this).unsuccessful(*kind);
}

engine::Outcome CallAnswer::succeeded(std::string_view step_type) && {
  if (!output_problem_.code.empty()) {
    auto code = std::move(output_problem_.code);
    return std::move(*this).bad_answer(
        std::move(code), std::string(step_type) + " succeeded but " + output_problem_.message);
  }
  return {.kind = OutcomeKind::succeeded,
          .output = std::move(output_),
          .spawns = std::move(spawns_),
          .checkpoint = std::move(checkpoint_)};
}

engine::Outcome CallAnswer::bad_answer(std::string code, std::string message) && {
  if (!error_.message.empty()) message += " (the step says: " + error_.message + ")";
  return {.kind = OutcomeKind::bad_answer,
          .error = {std::move(code), std::move(message), std::move(error_.details)}};
}

engine::Outcome CallAnswer::unsuccessful(OutcomeKind kind) && {
  engine::Outcome outcome{.kind = kind};
  if (kind == OutcomeKind::suspended) {
    outcome.wait = wait_;
    outcome.spawns = std::move(spawns_);
    outcome.checkpoint = std::move(checkpoint_);
    return outcome;
  }
  outcome.error = std::move(error_);
  if (kind == OutcomeKind::retry || kind == OutcomeKind::effect_unknown) {
    outcome.retry_after = retry_after_;
  }
  return outcome;
}

}  // namespace stepd::plugin
