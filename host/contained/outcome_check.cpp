#include "host/contained/outcome_check.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>

#include "host/engine/json_check.hpp"
#include "host/plugin/call_limits.hpp"
#include "host/plugin/json_object.hpp"
#include "host/plugin/utf8.hpp"

namespace stepd::contained {
namespace {

using engine::OutcomeKind;
using engine::Phase;
using std::chrono::milliseconds;
namespace limit = plugin::call_limits;

/// The host's own words stand around what a step said.
constexpr std::size_t words_around = 2000;

void require(bool holds, const char* what) {
  if (!holds) throw BadMessage(what);
}

bool is_text(std::string_view text, std::size_t bytes_max) {
  return text.size() <= bytes_max && plugin::utf8_prefix(text) == text.size();
}

bool is_name(std::string_view name, const engine::Limits& limits) {
  return !name.empty() &&
         is_text(name, std::max(limits.name_bytes_max, engine::Limits{}.name_bytes_max));
}

bool is_json(std::string_view json, const engine::Limits& limits) {
  return json.size() <= limits.output_bytes_max && !engine::find_fault(json, limits.json_depth_max);
}

/// Those that the code of a step and what runs it can say; the others are the host's to find.
bool may_be_said(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::succeeded:
    case OutcomeKind::retry:
    case OutcomeKind::refused:
    case OutcomeKind::failed:
    case OutcomeKind::suspended:
    case OutcomeKind::effect_unknown:
    case OutcomeKind::cancelled:
    case OutcomeKind::no_effect:
    case OutcomeKind::bad_answer:
      return true;
    case OutcomeKind::timed_out:
    case OutcomeKind::crashed:
    case OutcomeKind::lost:
    case OutcomeKind::not_started:
    case OutcomeKind::interrupted:
      return false;
  }
  return false;
}

void require_possible(const engine::Wait& wait, const engine::Limits& limits) {
  if (wait.due) {
    const auto at = wait.due->at.time_since_epoch();
    require(at >= engine::Duration::zero() &&
                at <= milliseconds(limit::unix_ms_max) + milliseconds(limit::span_ms_max),
            "a wait that ends at no time there is");
    require(wait.due->span >= engine::Duration::zero() &&
                wait.due->span <= milliseconds(limit::span_ms_max),
            "a wait that is too long");
  }
  require(wait.key.empty() ? !wait.takes_event : is_name(wait.key, limits),
          "a wait for an event of no name");
}

void require_possible(const std::vector<engine::Spawn>& spawns, Phase phase,
                      const engine::Limits& limits) {
  require(spawns.size() <= limit::spawns_max, "too many jobs to start");
  require(spawns.empty() || phase != Phase::probe, "a probe that starts jobs");
  std::set<std::string_view> keys;
  for (const engine::Spawn& spawn : spawns) {
    const bool undoes = engine::is_name_of_undo(spawn.key);
    require(undoes == (phase == Phase::compensate) && undoes == (spawn.undo != nullptr) &&
                undoes == (spawn.definition == nullptr),
            "a job to start that is none of this phase's");
    // The name of an undo is that of a job, and a word before it.
    require(undoes || is_name(spawn.key, limits), "a job to start that has no key");
    require(keys.insert(spawn.key).second, "two jobs to start with one key");
  }
}

/// The host adds them up.
void require_possible(const engine::Usage& used) {
  constexpr std::uint64_t memory_kib_max = std::uint64_t{1} << 42U;
  require(!used.cpu || *used.cpu >= engine::Duration::zero(), "less than no processor time");
  require(!used.memory_kib || *used.memory_kib <= memory_kib_max,
          "more memory than any machine has");
}

}  // namespace

void require_possible(const engine::Outcome& outcome, Phase phase, const engine::Limits& limits) {
  const OutcomeKind kind = outcome.kind;
  const bool goes_on = kind == OutcomeKind::succeeded || kind == OutcomeKind::suspended;
  require(may_be_said(kind), "an outcome that no call has");
  require(outcome.output.empty() ||
              (kind == OutcomeKind::succeeded && is_json(outcome.output.view(), limits)),
          "an output that cannot be kept");
  const engine::Error& error = outcome.error;
  require(is_text(error.code, 2 * limit::code_bytes_max) &&
              is_text(error.message, 2 * limit::message_bytes_max + words_around),
          "an error that nobody can read");
  require(error.details.empty() ||
              (is_json(error.details.view(), limits) &&
               plugin::is_json_object(error.details.view(), limits.json_depth_max)),
          "details of an error that cannot be kept");
  if (outcome.retry_after) {
    require(*outcome.retry_after >= engine::Duration::zero() &&
                *outcome.retry_after <= milliseconds(limit::retry_after_ms_max),
            "a retry at no time there is");
  }
  require(outcome.wait.has_value() == (kind == OutcomeKind::suspended),
          "a wait of a call that does not wait, or none of one that does");
  if (outcome.wait) require_possible(*outcome.wait, limits);
  require(goes_on || (outcome.spawns.empty() && !outcome.checkpoint),
          "jobs or a checkpoint of a call that has failed");
  require_possible(outcome.spawns, phase, limits);
  require(!outcome.checkpoint || outcome.checkpoint->size() <= limits.output_bytes_max,
          "a checkpoint that is too large");
  require_possible(outcome.used);
}

void require_possible(const Save& wish) {
  const bool memo = wish.kind == engine::StepBlob::Kind::memo;
  require(
      memo ? !wish.key.empty() && is_text(wish.key, limit::memo_key_bytes_max) : wish.key.empty(),
      "a memo of no key");
  require(wish.bytes.size() <= limit::record_bytes_max, "a record that is too large");
}

void require_possible(const Send& wish, const engine::Limits& limits) {
  const std::size_t id_bytes_max = limit::names_in_event_id * engine::Limits{}.name_bytes_max;
  require(!wish.id.empty() && is_text(wish.id, id_bytes_max), "an event of no id");
  require(is_name(wish.key, limits), "an event of no key");
  require(wish.data.empty() || is_json(wish.data.view(), limits),
          "an event with data that are none");
}

void require_possible(const LogLine& line) {
  require(line.fields_json.empty() ||
              (line.fields_json.size() <= limit::log_bytes_max &&
               plugin::is_json_object(line.fields_json, limit::log_fields_depth_max)),
          "a line for the log with fields that are none");
}

}  // namespace stepd::contained
